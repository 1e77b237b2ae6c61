// What went wrong, and what to do.

import { element, facts, list, code } from "../dom.js";
import { mark } from "../status.js";

/**
 * Show an error of the API's or of an operation, with its advice.
 * @param {ErrorDetail & { status?: number, title?: string }} details
 */
export function problem(details) {
  const fields = (details.errors ?? []).filter((item) => item.field);
  return element(
    "div",
    { class: "problem", role: "alert" },
    element("p", { class: "status", "data-kind": "failed" }, mark("failed"), element("strong", {}, details.message)),
    details.advice ? element("p", {}, details.advice) : null,
    list(fields.map((item) => element("span", {}, code(item.field), ` ${item.message}`))),
    facts([
      ["Code", code(details.code)],
      ["Answer", details.status ? `${details.status} ${details.title ?? ""}` : null],
      ["Retry", details.retryable ? "the same again may succeed" : null],
      ["Azure's request id", code(details.azureRequestId)],
    ]),
  );
}

/** What stands in the place of something that there is none of. @param {string} text */
export function nothing(text) {
  return element("p", { class: "nothing" }, text);
}
