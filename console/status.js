// A status is a mark and a word: its shape alone tells it, its colour only helps.

import { element } from "./dom.js";

/** @typedef {"done" | "running" | "waiting" | "failed" | "warning" | "skipped" | "canceled" | "unknown" | "information"} Kind */

const SVG = "http://www.w3.org/2000/svg";

/**
 * The lines of each mark in a square of 20; the frame is filled where it carries a sign.
 * @type {Record<Kind, { frame: string, sign?: string }>}
 */
const MARKS = {
  done: { frame: "M10 1a9 9 0 1 0 0 18a9 9 0 1 0 0-18z", sign: "m5.8 10.4 2.9 2.9 5.5-6" },
  running: { frame: "M10 2a8 8 0 1 0 8 8" },
  waiting: { frame: "M10 3a7 7 0 1 0 0 14a7 7 0 1 0 0-14z" },
  failed: { frame: "M6.3 1h7.4L19 6.3v7.4L13.7 19H6.3L1 13.7V6.3z", sign: "m6.8 6.8 6.4 6.4m0-6.4-6.4 6.4" },
  warning: { frame: "M10 1.2 19.4 18.4H.6z", sign: "M10 7.6v4.8m0 2.6v.2" },
  skipped: { frame: "M4 10h12" },
  canceled: { frame: "M10 2.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15zM4.8 15.2 15.2 4.8" },
  unknown: { frame: "M10 .8 19.2 10 10 19.2.8 10z", sign: "M7.8 8.2c0-3 4.6-2.8 4.4-.2-.1 1.5-2.2 1.6-2.2 3.3m0 2.6v.2" },
  information: { frame: "M10 1a9 9 0 1 0 0 18a9 9 0 1 0 0-18z", sign: "M10 9.4v4.8M10 6v.2" },
};

/** @type {Record<string, [Kind, string]>} */
const STATES = {
  Active: ["done", "Active"],
  Provisioning: ["running", "Provisioning"],
  NotCreated: ["waiting", "Not created"],
  NotActivated: ["warning", "Not activated"],
  Failed: ["failed", "Failed"],
  NotFound: ["failed", "Not found"],
  Unknown: ["unknown", "Unknown"],
};

/** @type {Record<string, [Kind, string]>} */
const PROGRESS = {
  NotStarted: ["waiting", "Not started"],
  Running: ["running", "Running"],
  Succeeded: ["done", "Succeeded"],
  Failed: ["failed", "Failed"],
  Skipped: ["skipped", "Skipped"],
  Canceled: ["canceled", "Canceled"],
};

/** @type {Record<string, [Kind, string]>} */
const HEALTH = {
  Healthy: ["done", "Healthy"],
  Warning: ["warning", "Warning"],
  Critical: ["failed", "Critical"],
  Unknown: ["unknown", "Unknown"],
};

/** @type {Record<string, [Kind, string]>} */
const CERTIFICATES = {
  Usable: ["done", "Usable"],
  Offline: ["done", "Offline"],
  Disabled: ["warning", "Disabled"],
  Missing: ["failed", "Missing"],
  Unknown: ["unknown", "Unknown"],
};

/** @type {Record<string, [Kind, string]>} */
const SEVERITIES = {
  critical: ["failed", "Critical"],
  warning: ["warning", "Warning"],
  information: ["information", "Information"],
};

/**
 * Draw a mark; the word beside it says the same.
 * @param {Kind} kind
 */
export function mark(kind) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 20 20");
  drawing.setAttribute("class", "mark");
  drawing.setAttribute("aria-hidden", "true");
  const { frame, sign } = MARKS[kind];
  drawing.append(path(frame, sign ? "filled" : "line"));
  if (sign) drawing.append(path(sign, "sign"));
  return drawing;
}

/** The state of an HSM. @param {string} state */
export function hsmState(state) {
  return status(STATES[state] ?? ["unknown", state]);
}

/** The status of an operation or of a step. @param {string} name */
export function progressStatus(name) {
  return status(PROGRESS[name] ?? ["unknown", name]);
}

/**
 * The status of an operation: where a person is waited for, nothing runs.
 * @param {OperationSummary} operation
 */
export function operationStatus(operation) {
  return operation.awaitingApproval ? status(["warning", "Waits for approval"]) : progressStatus(operation.status);
}

/** The kind of mark for the status of a step. @param {string} name */
export function progressKind(name) {
  return PROGRESS[name]?.[0] ?? "unknown";
}

/** The word for the status of an operation or of a step. @param {string} name */
export function progressWord(name) {
  return PROGRESS[name]?.[1] ?? name;
}

/** Whether enough shares of a security domain can be used. @param {string} name */
export function quorumHealth(name) {
  return status(HEALTH[name] ?? ["unknown", name]);
}

/** How the certificate of a custodian's share stands. @param {string} name */
export function certificateStatus(name) {
  return status(CERTIFICATES[name] ?? ["unknown", name]);
}

/** How bad a difference is. @param {string} name */
export function severity(name) {
  return status(SEVERITIES[name] ?? ["unknown", name]);
}

/** Whether an operation is over. @param {string} name */
export function hasEnded(name) {
  return name !== "NotStarted" && name !== "Running";
}

/** @param {[Kind, string]} shown */
export function status([kind, word]) {
  return element("span", { class: "status", "data-kind": kind }, mark(kind), word);
}

/**
 * @param {string} lines
 * @param {string} name
 */
function path(lines, name) {
  const made = document.createElementNS(SVG, "path");
  made.setAttribute("d", lines);
  made.setAttribute("class", name);
  return made;
}
