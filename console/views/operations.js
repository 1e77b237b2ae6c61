// All operations that the reader may see, the newest first.

import { readPage } from "../api.js";
import { announce, element, replaceChildren, section } from "../dom.js";
import { between, count, duration, relative } from "../format.js";
import { progressStatus } from "../status.js";
import { filters } from "./filters.js";
import { person } from "./people.js";
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
    if (isMore && first) document.getElementById(linkId(first))?.focus();
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

  await show("operations");
  replaceChildren(main, element("h1", {}, "Operations"), choices(query), listed);
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
    link(operation),
    ...(ofAll
      ? [element("a", { href: `#/hsms/${encodeURIComponent(operation.hsm)}` }, operation.hsm), operation.team]
      : []),
    progressStatus(operation.status),
    person(operation.requester),
    relative(operation.createdAt),
    operation.finishedAt ? duration(between(operation.createdAt, operation.finishedAt)) : `${operation.percentComplete} %`,
  ]));
}

/** @param {OperationSummary} operation */
function link(operation) {
  return element("a", {
    id: linkId(operation),
    href: `#/operations/${encodeURIComponent(operation.id)}`,
    "aria-label": `${operation.kind} ${operation.hsm}`,
  }, operation.kind);
}

/** @param {OperationSummary} operation */
function linkId(operation) {
  return `operation-${operation.id}`;
}
