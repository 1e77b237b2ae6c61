// The hand-over sheet: what an HSM was given, where that is, and what its team must now do. It is made of the record.

import { read } from "../api.js";
import { code, element, facts, list, replaceChildren, section } from "../dom.js";
import { count } from "../format.js";
import { progressWord, status } from "../status.js";
import { command } from "./copying.js";
import { utc } from "./paper.js";
import { problem } from "./problem.js";
import { anything, PARTS } from "./settings.js";
import { table } from "./tables.js";

/** @type {Record<string, [import("../status.js").Kind, string]>} */
const STATES = {
  Built: ["done", "Built"],
  Failed: ["failed", "Failed"],
  NotReached: ["waiting", "Not reached"],
  NotAsked: ["skipped", "Not asked for"],
};
/** @type {Record<string, [import("../status.js").Kind, string]>} */
const ADMINISTRATION = {
  ...STATES,
  Built: ["done", "Given up by the service"],
  NotAsked: ["warning", "The service keeps it"],
};

/**
 * @param {Page} page
 * @param {string} name
 */
export async function showHandover({ main, signal }, name) {
  /** @type {HandoverSheet} */
  const sheet = (await read(`hsms/${encodeURIComponent(name)}/handover`, signal)).document;
  replaceChildren(main,
    element("div", { class: "sheet-bar unprinted" },
      element("a", { href: `#/hsms/${encodeURIComponent(sheet.hsm)}` }, `Back to ${sheet.hsm}`),
      printButton()),
    element("article", { class: "sheet" },
      runningHead(sheet),
      element("div", { class: "sheet-body" },
        element("h1", {}, `Hand-over of ${sheet.hsm}`),
        element("p", {}, `As it was when the operation ended, ${utc(sheet.recordedAt)}. Azure was not asked since.`),
        sheet.error ? problem(sheet.error) : null,
        about(sheet),
        given(sheet),
        toDo(sheet))));
}

/**
 * Lead to the sheet of an HSM, and say how much it leaves to do.
 * @param {string} hsm
 * @param {HandoverSheet} sheet
 */
export function toHandover(hsm, sheet) {
  const address = `#/hsms/${encodeURIComponent(hsm)}/handover`;
  const built = sheet.parts.filter(({ state }) => state === "Built").map(({ part }) => PARTS[part] ?? part);
  const missing = sheet.parts.filter(({ state }) => state === "Failed" || state === "NotReached");
  return element("div", {},
    facts([
      ["Built", list(built) ?? "nothing"],
      ["Not built", list(missing.map(({ part }) => PARTS[part] ?? part))],
    ]),
    element("p", {}, element("a", { href: address, id: "to-handover" }, "Hand-over sheet, to print"),
      `: ${count(sheet.toDo.length, "thing")} to do`));
}

function printButton() {
  const button = element("button", { type: "button", class: "primary" }, "Print");
  button.addEventListener("click", () => print());
  return button;
}

/**
 * What stands at the top of each printed page.
 * @param {HandoverSheet} sheet
 */
function runningHead({ hsm, recordedAt }) {
  return element("div", { class: "running-head" },
    element("div", {},
      element("strong", {}, hsm),
      element("span", {}, "Hand-over: what it was given, and what is to be done"),
      element("span", {}, utc(recordedAt))));
}

/** @param {HandoverSheet} sheet */
function about(sheet) {
  const domain = sheet.securityDomain;
  return section("The HSM", facts([
    ["Resource id", code(sheet.resourceId)],
    ["Operation", element("span", {}, operation(sheet.operationId), ` (${progressWord(sheet.status)})`)],
    ["First administrators", list(sheet.administrators.map(code))],
    ["The service", code(sheet.service)],
    ["Needed until", sheet.expiresAt ? utc(sheet.expiresAt) : "no end is known"],
    ["Security domain", code(domain?.blobUrl)],
    ["Quorum", domain ? `any ${domain.quorum} of ${domain.thumbprints.length} custodians` : null],
  ]));
}

/** @param {HandoverSheet} sheet */
function given({ parts, asked }) {
  const columns = ["Part", "State", "What was asked for", "Where it is", "By"].map((title) => ({ title }));
  return section("What it was given", table("Parts of the hand-over", columns, parts.map((part) => [
    PARTS[part.part] ?? part.part,
    state(part),
    part.state === "NotAsked" ? null : anything(asked[part.part]),
    list(part.where.map(code)),
    part.operationId ? by(part) : null,
  ])));
}

/** @param {HandedPart} part */
function state(part) {
  const states = part.part === "administration" ? ADMINISTRATION : STATES;
  return status(states[part.state] ?? ["unknown", part.state]);
}

/** @param {HandedPart} part */
function by({ operationId = "", requester, requestedBy }) {
  return element("div", {},
    operation(operationId),
    requester ? element("div", {}, `${requester.kind} `, code(requester.objectId)) : null,
    requestedBy ? element("div", {}, "which says: for person ", code(requestedBy)) : null);
}

/** @param {string} id */
function operation(id) {
  return element("a", { href: `#/operations/${encodeURIComponent(id)}` }, code(id));
}

/** @param {HandoverSheet} sheet */
function toDo({ toDo }) {
  return section("What the team must now do",
    element("p", {}, `${count(toDo.length, "thing")}. What is in capitals in a command is yours to fill in.`),
    ...toDo.map((duty) => element("div", { class: "duty" },
      element("h3", { class: "tick" }, element("span", { class: "box" }), element("span", {}, duty.title)),
      element("p", {}, duty.reason),
      ...duty.commands.map((text, number) => command(`${duty.name}-${number + 1}`, text)))));
}
