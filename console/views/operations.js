// All operations that the reader may see, the newest first.

import { readAll, readPage } from "../api.js";
import { announce, element, replaceChildren, section } from "../dom.js";
import { between, capital, count, duration, relative, stepTitle } from "../format.js";
import { operationStatus } from "../status.js";
import { filters } from "./filters.js";
import { person, requesterOf } from "./people.js";
import { nothing } from "./problem.js";
import { table } from "./tables.js";

const PAGE_SIZE = "50";

/** @param {Page} page */
export async function showOperations({ main, query, signal }) {
  const parameters = { status: query.get("status") ?? "", orderby: "createdAt desc", maxpagesize: PAGE_SIZE };
  const listed = section("The newest first");
  /** @type {OperationSummary[]} */
  const all = [];

  /** @param {string} address */
  async function show(address) {
    const page = await readPage(address, parameters, signal);
    const first = page.value[0];
    const isMore = all.length > 0;
    all.push(...page.value);
    const more = page.nextLink ? moreButton(page.nextLink) : null;
    const shown = all.length ? operationsTable(all, true) : nothing("There is no operation that you may see.");
    replaceChildren(listed, listed.firstElementChild, shown, more);
    announce(count(all.length, "operation"));
    // Reading goes on where it stopped: the button that was pressed is gone.
    if (isMore && first) document.getElementById(linkId(first, "operation"))?.focus();
  }

  /** @param {string} address */
  function moreButton(address) {
    const button = element("button", { type: "button" }, "Show more");
    button.addEventListener("click", () => {
      button.disabled = true;
      show(address).catch(() => {
        button.disabled = false;
        button.textContent = "That did not work: try again";
      });
    });
    return button;
  }

  const [waiting] = await Promise.all([
    readAll("operations", { awaitingApproval: "true", orderby: "createdAt" }, signal),
    show("operations"),
  ]);
  replaceChildren(main, element("h1", {}, "Operations"), waitingTable(waiting), choices(query), listed);
}

/**
 * Show what waits for a person's decision, the longest first.
 * @param {OperationSummary[]} waiting
 */
function waitingTable(waiting) {
  if (!waiting.length) return null;
  const columns = ["Operation", "HSM", "Team", "Requester", "Asked for"].map((title) => ({ title }));
  return section("Waits for approval", table("What waits for approval", columns, waiting.map((operation) => [
    link(operation, "waits"),
    toHsm(operation),
    operation.team,
    requesterOf(operation.requester, operation.requestedBy),
    relative(operation.createdAt),
  ])));
}

/** @param {URLSearchParams} query */
function choices(query) {
  return filters("/operations", query, [{
    name: "status",
    title: "Status",
    options: [
      ["", "All"], ["NotStarted", "Not started"], ["Running", "Running"], ["Succeeded", "Succeeded"],
      ["Failed", "Failed"], ["Canceled", "Canceled"],
    ],
  }]);
}

/**
 * Make a table of operations; `ofAll` where they are of more than one HSM.
 * @param {OperationSummary[]} operations
 * @param {boolean} ofAll
 */
export function operationsTable(operations, ofAll) {
  if (!operations.length) return nothing("There is none.");
  const columns = [
    { title: "Operation" }, ...(ofAll ? [{ title: "HSM" }, { title: "Team" }] : []), { title: "Status" },
    { title: "Requester" }, { title: "Asked for" }, { title: "Took", numeric: true },
  ];
  return table("Operations", columns, operations.map((operation) => [
    link(operation, "operation"),
    ...(ofAll ? [toHsm(operation), operation.team] : []),
    element("div", {}, operationStatus(operation), currentStep(operation)),
    person(operation.requester),
    relative(operation.createdAt),
    operation.finishedAt ? duration(between(operation.createdAt, operation.finishedAt)) : `${operation.percentComplete} %`,
  ]));
}

/** @param {OperationSummary} operation */
function currentStep({ currentStep, awaitingApproval }) {
  return currentStep && !awaitingApproval ? element("span", { class: "below" }, stepTitle(currentStep)) : null;
}

/** @param {OperationSummary} operation */
function toHsm({ hsm }) {
  return element("a", { href: `#/hsms/${encodeURIComponent(hsm)}` }, hsm);
}

/**
 * @param {OperationSummary} operation
 * @param {"operation" | "waits"} list in which it stands
 */
function link(operation, list) {
  return element("a", {
    id: linkId(operation, list),
    href: `#/operations/${encodeURIComponent(operation.id)}`,
    "aria-label": `${capital(operation.kind)} ${operation.hsm}`,
  }, capital(operation.kind));
}

/**
 * @param {OperationSummary} operation
 * @param {"operation" | "waits"} list
 */
function linkId(operation, list) {
  return `${list}-${operation.id}`;
}
