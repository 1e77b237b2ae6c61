// The fleet: all HSMs that the reader may see, what they cost, and what needs a person.

import { readAll } from "../api.js";
import { isOfNoTeam, readCaller } from "../caller.js";
import { announce, element, replaceChildren } from "../dom.js";
import { age, capital, count, day, daysUntil, money, relative } from "../format.js";
import { hasEnded, hsmState, operationStatus, quorumHealth, status } from "../status.js";
import { every } from "./every.js";
import { filters, optionsOf } from "./filters.js";
import { nothing } from "./problem.js";
import { table } from "./tables.js";

const REFRESH_SECONDS = 30;
const WARN_DAYS_BEFORE_EXPIRY = 14;
const TROUBLED_STATES = new Set(["Failed", "NotActivated", "NotFound"]);
const TROUBLED_QUORUMS = new Set(["Warning", "Critical"]);

/** @type {("state" | "team" | "environment" | "location")[]} */
const CHOICES = ["state", "team", "environment", "location"];

/** @typedef {HsmSummary & { awaitsApproval: boolean }} FleetHsm whether its last operation waits for a decision */

/** @type {Record<string, (one: FleetHsm, other: FleetHsm) => number>} */
const ORDERS = {
  "": (one, other) => attention(other).length - attention(one).length || byName(one, other),
  name: byName,
  newest: (one, other) => (other.createdAt ?? "").localeCompare(one.createdAt ?? ""),
  cost: (one, other) => (other.monthlyCostUsd ?? 0) - (one.monthlyCostUsd ?? 0) || byName(one, other),
  expires: (one, other) => (one.expiresAt ?? "9").localeCompare(other.expiresAt ?? "9") || byName(one, other),
};

/** @param {Page} page */
export async function showFleet(page) {
  const { main, query, signal } = page;
  const caller = await readCaller(signal);
  let shown = "";
  await every(page, async () => {
    /** @type {[HsmSummary[], OperationSummary[], OperationSummary[]]} */
    const [hsms, running, accepted] = await Promise.all([
      readAll("hsms", {}, signal),
      readAll("operations", { status: "Running" }, signal),
      readAll("operations", { status: "NotStarted" }, signal),
    ]);
    // Who reads the page is not disturbed where nothing changed.
    const seen = JSON.stringify([hsms, running, accepted]);
    if (seen !== shown || main.querySelector(".stale")) {
      const all = [...running, ...accepted];
      replaceChildren(main, ...draw(withApprovals(hsms, all), all, query, caller));
    }
    shown = seen;
    return REFRESH_SECONDS;
  });
}

/**
 * @param {HsmSummary[]} hsms
 * @param {OperationSummary[]} running
 * @returns {FleetHsm[]}
 */
function withApprovals(hsms, running) {
  const waiting = new Set(running.filter((operation) => operation.awaitingApproval).map((operation) => operation.id));
  return hsms.map((hsm) => ({ ...hsm, awaitsApproval: waiting.has(hsm.lastOperation?.id ?? "") }));
}

/**
 * @param {FleetHsm[]} hsms
 * @param {OperationSummary[]} running
 * @param {URLSearchParams} query
 * @param {Caller} caller
 */
function draw(hsms, running, query, caller) {
  const title = element("h1", {}, "Fleet");
  if (!hsms.length) return [title, running.length ? operations(running) : null, empty(caller)];
  const chosen = element("div", {});
  const look = () => {
    const shown = hsms.filter((hsm) => isChosen(hsm, query)).sort(ORDERS[query.get("order") ?? ""] ?? ORDERS[""]);
    chosen.replaceChildren(shown.length ? fleet(shown) : nothing("No HSM is like that."));
    return shown.length;
  };
  look();
  return [
    title,
    summary(hsms, running),
    running.length ? operations(running) : null,
    choices(hsms, query, () => announce(count(look(), "HSM"))),
    chosen,
  ];
}

/** @param {Caller} caller */
function empty(caller) {
  if (!isOfNoTeam(caller)) return nothing("There is no HSM yet that you may see.");
  return element("p", { class: "nothing" }, "You see the HSMs of your teams, and you are of no team: ",
    element("a", { href: "#/you", id: "to-you" }, "what to ask for"), ".");
}

/**
 * @param {FleetHsm[]} hsms
 * @param {OperationSummary[]} running
 */
function summary(hsms, running) {
  const troubled = hsms.filter((hsm) => attention(hsm).length).length;
  const unpriced = hsms.filter((hsm) => hsm.monthlyCostUsd === undefined && hsm.state !== "NotCreated").length;
  /** @type {[string, string, string][]} */
  const figures = [
    [String(hsms.length), hsms.length === 1 ? "HSM" : "HSMs", ""],
    [money(cost(hsms)), unpriced ? `a month, ${unpriced} unknown` : "a month", ""],
    [numberOrNo(running.length, "No"), running.length > 1 ? "operations are running" : "operation is running", ""],
    [numberOrNo(troubled, "None"), troubled > 1 ? "need attention" : "needs attention", troubled ? "warning" : "done"],
  ];
  const items = figures.map(([figure, words, kind]) =>
    element("li", { "data-kind": kind || undefined }, element("strong", {}, figure), ` ${words}`));
  return element("ul", { class: "figures", "aria-label": "Summary" }, ...items);
}

/**
 * @param {number} number
 * @param {string} no
 */
function numberOrNo(number, no) {
  return number ? String(number) : no;
}

/** @param {OperationSummary[]} running */
function operations(running) {
  const items = running.map((operation) =>
    element("li", {},
      element("a", { href: `#/operations/${encodeURIComponent(operation.id)}`, id: `runs-${operation.id}` },
        `${capital(operation.kind)} ${operation.hsm}`),
      ...(operation.awaitingApproval ? [operationStatus(operation)] : progress(operation)),
      element("span", { class: "faint" }, "for ", age(operation.createdAt))));
  return element("section", { "aria-labelledby": "running" },
    element("h2", { id: "running" }, "Running now"),
    element("ul", { class: "running" }, ...items));
}

/** @param {OperationSummary} operation */
function progress({ hsm, percentComplete }) {
  return [
    element("progress", { max: "100", value: String(percentComplete), "aria-label": `Progress of ${hsm}` }),
    element("span", { class: "numeric" }, `${percentComplete} %`),
  ];
}

/**
 * @param {FleetHsm[]} hsms
 * @param {URLSearchParams} query
 * @param {() => void} look
 */
function choices(hsms, query, look) {
  return filters("/", query, [
    { name: "state", title: "State", options: optionsOf(hsms.map((hsm) => hsm.state)) },
    { name: "team", title: "Team", options: optionsOf(hsms.map((hsm) => hsm.team)) },
    { name: "environment", title: "Environment", options: optionsOf(hsms.map((hsm) => hsm.environment)) },
    { name: "location", title: "Region", options: optionsOf(hsms.map((hsm) => hsm.location)) },
    {
      name: "order",
      title: "Order",
      options: [["", "Attention first"], ["name", "Name"], ["newest", "Newest first"], ["cost", "Cost"], ["expires", "Expiry"]],
    },
  ], { title: "Name or team", look });
}

/** @param {FleetHsm[]} hsms */
function fleet(hsms) {
  const columns = [
    { title: "HSM" }, { title: "State" }, { title: "Region" }, { title: "Age", numeric: true },
    { title: "Quorum" }, { title: "Verified" }, { title: "Expires" }, { title: "Monthly cost", numeric: true },
  ];
  const sums = [count(hsms.length, "HSM"), "", "", "", "", "", "", money(cost(hsms))];
  return table("HSMs, what state they are in and what they cost", columns, hsms.map(cells), sums);
}

/** @param {FleetHsm} hsm */
function cells(hsm) {
  const about = [hsm.team, hsm.environment].filter(Boolean).join(" · ");
  return [
    element("div", {},
      element("a", { href: `#/hsms/${encodeURIComponent(hsm.name)}`, id: `hsm-${hsm.name}` }, hsm.name),
      element("span", { class: "below" }, about)),
    element("div", {}, hsmState(hsm.state), lastOperation(hsm)),
    hsm.location,
    age(hsm.createdAt),
    quorumHealth(hsm.quorumHealth),
    hsm.verifiedAt ? relative(hsm.verifiedAt) : element("span", { class: "faint" }, "never"),
    expiry(hsm.expiresAt),
    money(hsm.monthlyCostUsd),
  ];
}

/** @param {FleetHsm} hsm */
function lastOperation({ lastOperation: operation, awaitsApproval }) {
  if (!operation || operation.status === "Succeeded") return null;
  const ended = hasEnded(operation.status);
  const words = awaitsApproval ? "waits for approval" : ended ? operation.status.toLowerCase() : "runs";
  return element("a", { class: "below", href: `#/operations/${encodeURIComponent(operation.id)}`, id: `last-${operation.id}` },
    `${operation.kind} ${words}`);
}

/** @param {string | undefined} moment */
function expiry(moment) {
  if (!moment) return null;
  const left = daysUntil(moment);
  const words = left < 0 ? "expired" : relative(moment)?.textContent ?? "";
  const near = left < WARN_DAYS_BEFORE_EXPIRY;
  return element("div", {}, day(moment), element("div", { class: "below" }, near ? status(["warning", words]) : words));
}

/**
 * Say what about an HSM needs a person.
 * @param {FleetHsm} hsm
 */
function attention(hsm) {
  return [
    hsm.awaitsApproval,
    TROUBLED_STATES.has(hsm.state) && !isBeingChanged(hsm),
    TROUBLED_QUORUMS.has(hsm.quorumHealth),
    hsm.lastOperation?.status === "Failed",
    hsm.expiresAt !== undefined && daysUntil(hsm.expiresAt) < WARN_DAYS_BEFORE_EXPIRY,
  ].filter(Boolean);
}

/** @param {HsmSummary} hsm */
function isBeingChanged(hsm) {
  return hsm.lastOperation !== undefined && !hasEnded(hsm.lastOperation.status);
}

/**
 * @param {HsmSummary} hsm
 * @param {URLSearchParams} query
 */
function isChosen(hsm, query) {
  const chosen = CHOICES.every((name) => !query.get(name) || hsm[name] === query.get(name));
  const words = (query.get("search") ?? "").toLowerCase().split(/\s+/);
  const searched = `${hsm.name} ${hsm.team}`.toLowerCase();
  return chosen && words.every((word) => searched.includes(word));
}

/** @param {HsmSummary[]} hsms */
function cost(hsms) {
  return hsms.reduce((sum, hsm) => sum + (hsm.monthlyCostUsd ?? 0), 0);
}

/**
 * @param {HsmSummary} one
 * @param {HsmSummary} other
 */
function byName(one, other) {
  return one.name.localeCompare(other.name);
}
