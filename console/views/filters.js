// Filters live in the address, so that what is shown can be sent to somebody.

import { element } from "../dom.js";

/** @typedef {{ name: string, title: string, options: [string, string][] }} Filter */

/**
 * Make the filters of a view; a choice changes the address, and with it what is shown.
 * @param {string} path the view's
 * @param {URLSearchParams} query what is chosen
 * @param {Filter[]} filters the first option of each is what the view shows anyway
 */
export function filters(path, query, filters) {
  const fields = filters.map((filter) => field(path, query, filter));
  return element("form", { class: "filters", role: "search", "aria-label": "Filters" }, ...fields);
}

/**
 * @param {string} path
 * @param {URLSearchParams} query
 * @param {Filter} filter
 */
function field(path, query, { name, title, options }) {
  const id = `filter-${name}`;
  const chosen = query.get(name) ?? "";
  const select = element("select", { id }, ...options.map(([value, text]) => element("option", { value }, text)));
  select.value = options.some(([value]) => value === chosen) ? chosen : "";
  select.addEventListener("change", () => {
    const changed = new URLSearchParams(query);
    if (select.value) changed.set(name, select.value);
    else changed.delete(name);
    location.hash = changed.size ? `#${path}?${changed}` : `#${path}`;
  });
  return element("div", {}, element("label", { for: id }, title), select);
}

/**
 * Offer the values that occur.
 * @param {string} all what the first option is called
 * @param {(string | undefined)[]} values
 * @returns {[string, string][]}
 */
export function optionsOf(all, values) {
  const occurring = [...new Set(values.filter((value) => value !== undefined && value !== ""))].sort();
  return [["", all], ...occurring.map((value) => /** @type {[string, string]} */ ([value, value]))];
}
