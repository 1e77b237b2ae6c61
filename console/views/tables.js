// Tables that are cards on a phone. Roles are written out: a table laid out otherwise loses them in some browsers.

import { element } from "../dom.js";

/** @typedef {{ title: string, numeric?: boolean }} Column */
/** @typedef {import("../dom.js").Child} Child */

/**
 * Make a table; the first cell of each row names it.
 * @param {string} caption
 * @param {Column[]} columns
 * @param {Child[][]} rows
 * @param {Child[]} [sums] the last row, where there are sums
 */
export function table(caption, columns, rows, sums) {
  const heads = columns.map((column) =>
    element("th", { scope: "col", role: "columnheader", class: look(column) }, column.title));
  return element(
    "table",
    { role: "table" },
    element("caption", { class: "unseen" }, caption),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)),
    element("tbody", { role: "rowgroup" }, ...rows.map((cells) => row(columns, cells))),
    sums ? element("tfoot", { role: "rowgroup" }, row(columns, sums)) : null,
  );
}

/**
 * @param {Column[]} columns
 * @param {Child[]} cells
 */
function row(columns, cells) {
  const made = columns.map((column, index) => {
    const cell = cells[index];
    const empty = cell === null || cell === undefined || cell === "";
    const shown = { "data-title": column.title, class: [look(column), empty ? "empty" : ""].join(" ").trim() || undefined };
    return index === 0
      ? element("th", { scope: "row", role: "rowheader", ...shown }, cell)
      : element("td", { role: "cell", ...shown }, empty ? "" : cell);
  });
  return element("tr", { role: "row" }, ...made);
}

/** @param {Column} column */
function look(column) {
  return column.numeric ? "numeric" : undefined;
}
