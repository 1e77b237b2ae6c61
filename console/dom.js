// Makes elements. Text is set as text and never parsed, so whatever the API answers is shown as it is.

/** @typedef {Node | string | null | undefined} Child */

/**
 * Make an element of HTML.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | undefined>} attributes undefined leaves an attribute out
 * @param {...Child} children null and undefined are left out
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * Show other children, and leave the focus where it was: on what has the same id, or says the same.
 * @param {Element} parent
 * @param {...Child} children
 */
export function replaceChildren(parent, ...children) {
  const focused = document.activeElement;
  const known = focused instanceof HTMLElement && parent.contains(focused) ? focused : null;
  const place = known ? findAlike(parent, known).indexOf(known) : -1;
  const caret = known instanceof HTMLInputElement ? known.selectionStart : null;
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
  const again = known && findAlike(parent, known)[place];
  again?.focus({ preventScroll: true });
  if (again instanceof HTMLInputElement) again.setSelectionRange(caret, caret);
}

/**
 * @param {Element} parent
 * @param {HTMLElement} one
 */
function findAlike(parent, one) {
  const all = /** @type {HTMLElement[]} */ ([...parent.querySelectorAll(one.localName)]);
  if (one.id) return all.filter((each) => each.id === one.id);
  return all.filter((each) => each.title === one.title && each.textContent === one.textContent);
}

/**
 * Show what is known, a term and what it is each; what is not known is left out.
 * @param {[string, Child][]} pairs
 */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element(
    "dl",
    { class: "facts" },
    ...known.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value))),
  );
}

/**
 * Show an identifier or a digest, which breaks anywhere.
 * @param {string | undefined} text
 */
export function code(text) {
  return text ? element("code", {}, text) : null;
}

/**
 * Show a list without marks.
 * @param {Child[]} items
 */
export function list(items) {
  return items.length ? element("ul", { class: "plain" }, ...items.map((item) => element("li", {}, item))) : null;
}

/**
 * A part of the page with a heading of its own.
 * @param {string} title
 * @param {...Child} children
 */
export function section(title, ...children) {
  const id = `about-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
  return element("section", { "aria-labelledby": id }, element("h2", { id }, title), ...children);
}

/**
 * Tell those who hear the page what changed.
 * @param {string} text
 */
export function announce(text) {
  const announcements = document.getElementById("announcements");
  if (announcements && text) announcements.textContent = text;
}
