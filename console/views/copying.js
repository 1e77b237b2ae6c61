// What is to be taken elsewhere: identifiers, and commands.

import { announce, code, element } from "../dom.js";

const SHOWN_MILLISECONDS = 2000;

/**
 * Show an identifier that a press copies; where it cannot be copied, the press shows the whole.
 * @param {string} text
 * @param {string} [shown] less than the whole, where the whole is too long to read
 */
export function copyable(text, shown = text) {
  const attributes = { type: "button", class: "copy", title: text, "aria-label": `Copy ${text}` };
  const button = element("button", attributes, code(shown));
  button.addEventListener("click", async () => {
    if (!await copy(text, button)) button.replaceChildren(element("code", {}, text));
  });
  return button;
}

/**
 * Show a command for a shell, with a button that copies it.
 * @param {string} name what it does, in a word
 * @param {string} text
 */
export function command(name, text) {
  const id = `copy-${name}`;
  const button = element("button", { type: "button", id, "aria-label": `Copy the command: ${name}` }, "Copy");
  button.addEventListener("click", () => copy(text, button));
  return element("div", { class: "command" }, element("pre", {}, element("code", {}, ...words(text))), button);
}

/**
 * Keep each word of a command whole: a line that ends within one, at a hyphen, reads as if it had none.
 * @param {string} text
 */
function words(text) {
  return text.split(/(\s+)/).map((word) => (word.trim() ? element("span", { class: "word" }, word) : word));
}

/**
 * @param {string} text
 * @param {HTMLElement} button
 */
async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    announce("Copying did not work.");
    return false;
  }
  announce("Copied.");
  button.dataset["copied"] = "Copied";
  setTimeout(() => delete button.dataset["copied"], SHOWN_MILLISECONDS);
  return true;
}
