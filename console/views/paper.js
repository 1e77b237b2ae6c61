// What goes onto paper: what is read aloud, and room for what is written by hand.

import { element } from "../dom.js";

const LINE = /.{1,32}/g;
const GROUP = /.{1,4}/g;

/** Show a digest in groups of four characters, as two people read it to each other. @param {string} hex */
export function digest(hex) {
  const lines = (hex.match(LINE) ?? []).map((line) => line.match(GROUP)?.join(" "));
  return element("code", { class: "digest" }, lines.join("\n"));
}

/**
 * Write a thumbprint as most tools show it: the file and the API have it in base64url.
 * @param {string} thumbprint
 */
export function hexOf(thumbprint) {
  const bytes = atob(thumbprint.replaceAll("-", "+").replaceAll("_", "/"));
  return [...bytes].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

/** A moment as it means the same wherever the paper is read. @param {string} moment */
export function utc(moment) {
  const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  return `${format.format(new Date(moment))} UTC`;
}

/** A box to tick. @param {string} words */
export function box(words) {
  return element("div", { class: "tick" }, element("span", { class: "box" }), element("span", {}, words));
}

/** A line to write on. @param {string} title what is written there */
export function line(title) {
  return element("div", { class: "line" }, title);
}

/** A line to sign on. */
export function signature() {
  return element("div", { class: "line signature" }, "Signature");
}
