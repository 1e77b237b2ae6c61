// Filters live in the address, so that what is shown can be sent to somebody.

import { element } from "../dom.js";

/** @typedef {{ name: string, title: string, options: [string, string][] }} Filter */
/** @typedef {{ title: string, look: () => void }} Search `look` shows what the query now says */

/**
 * Make the filters of a view; a choice changes the address, and with it what is shown.
 * @param {string} path the view's
 * @param {URLSearchParams} query what is chosen
 * @param {Filter[]} filters the first option of each is what the view shows anyway
 * @param {Search} [search] where there is a search box, too
 */
export function filters(path, query, filters, search) {
  const fields = filters.map((filter) => field(path, query, filter));
  const box = search ? searchBox(path, query, search) : null;
  const form = element("form", { class: "filters", role: "search", "aria-label": "Filters" }, box, ...fields);
  form.addEventListener("submit", (event) => event.preventDefault());
  return form;
}

/**
 * Make a search box: what is shown follows each letter, and so does the address, without a step of history for each.
 * @param {string} path
 * @param {URLSearchParams} query
 * @param {Search} search
 */
function searchBox(path, query, { title, look }) {
  const id = "filter-search";
  const input = element("input", { id, type: "search", autocomplete: "off", spellcheck: "false" });
  input.value = query.get("search") ?? "";
  input.addEventListener("input", () => {
    change(query, "search", input.value);
    history.replaceState(history.state, "", addressOf(path, query));
    look();
  });
  return element("div", { class: "search" }, element("label", { for: id }, title), input);
}

/**
 * @param {URLSearchParams} query
 * @param {string} name
 * @param {string} value nothing is said of what is empty
 */
function change(query, name, value) {
  if (value) query.set(name, value);
  else query.delete(name);
}

/**
 * @param {string} path
 * @param {URLSearchParams} query
 */
function addressOf(path, query) {
  return query.size ? `#${path}?${query}` : `#${path}`;
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
    change(changed, name, select.value);
    location.hash = addressOf(path, changed);
  });
  return element("div", {}, element("label", { for: id }, title), select);
}

/**
 * Offer all, and the values that occur.
 * @param {(string | undefined)[]} values
 * @returns {[string, string][]}
 */
export function optionsOf(values) {
  const occurring = [...new Set(values.filter((value) => value !== undefined && value !== ""))].sort();
  return [["", "All"], ...occurring.map((value) => /** @type {[string, string]} */ ([value, value]))];
}
