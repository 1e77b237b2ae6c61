// The fleet: all HSMs that the reader may see, what they cost, and what needs a person.

import { readAll } from "../api.js";
import { element, replaceChildren } from "../dom.js";
import { age, count, day, daysUntil, money, relative } from "../format.js";
import { hasEnded, hsmState, quorumHealth, status } from "../status.js";
import { every } from "./every.js";
import { filters, optionsOf } from "./filters.js";
import { nothing } from "./problem.js";
import { table } from "./tables.js";

const REFRESH_SECONDS = 30;
const WARN_DAYS_BEFORE_EXPIRY = 14;
const TROUBLED_STATES = new Set(["Failed", "NotActivated", "NotFound"]);
const TROUBLED_QUORUMS = new Set(["Warning", "Critical"]);

/** @type {Record<string, (one: HsmSummary, other: HsmSummary) => number>} */
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
    if (seen !== shown || main.querySelector(".stale")) replaceChildren(main, ...draw(hsms, [...running, ...accepted], query));
    shown = seen;
    return REFRESH_SECONDS;
  });
}

/**
 * @param {HsmSummary[]} hsms
 * @param {OperationSummary[]} running
 * @param {URLSearchParams} query
 */
function draw(hsms, running, query) {
  const shown = hsms.filter((hsm) => isChosen(hsm, query)).sort(ORDERS[query.get("order") ?? ""] ?? ORDERS[""]);
  return [
    element("h1", {}, "Fleet"),
    summary(hsms, running),
    running.length ? operations(running) : null,
    choices(hsms, query),
    shown.length ? fleet(shown) : nothing(hsms.length ? "No HSM is like that." : "There is no HSM yet that you may see."),
  ];
}

/**
 * @param {HsmSummary[]} hsms
 * @param {OperationSummary[]} running
 */
function summary(hsms, running) {
  const troubled = hsms.filter((hsm) => attention(hsm).length).length;
  const unpriced = hsms.filter((hsm) => hsm.monthlyCostUsd === undefined && hsm.state !== "NotCreated").length;
  /** @type {[string, string, string][]} */
  const figures = [
    [String(hsms.length), hsms.length === 1 ? "HSM" : "HSMs", ""],
    [money(cost(hsms)), unpriced ? `a month, ${unpriced} unknown` : "a month", ""],
    [String(running.length), running.length === 1 ? "operation runs" : "operations run", ""],
    [String(troubled), troubled === 1 ? "needs attention" : "need attention", troubled ? "warning" : "done"],
  ];
  const items = figures.map(([figure, words, kind]) =>
    element("li", { "data-kind": kind || undefined }, element("strong", {}, figure), ` ${words}`));
  return element("ul", { class: "figures", "aria-label": "Summary" }, ...items);
}

/** @param {OperationSummary[]} running */
function operations(running) {
  const items = running.map((operation) =>
    element("li", {},
      element("a", { href: `#/operations/${encodeURIComponent(operation.id)}`, id: `runs-${operation.id}` },
        `${operation.kind} ${operation.hsm}`),
      element("progress", { max: "100", value: String(operation.percentComplete), "aria-label": `Progress of ${operation.hsm}` }),
      element("span", { class: "numeric" }, `${operation.percentComplete} %`),
      element("span", { class: "faint" }, "for ", age(operation.createdAt))));
  return element("section", { "aria-labelledby": "running" },
    element("h2", { id: "running" }, "Running now"),
    element("ul", { class: "running" }, ...items));
}

/**
 * @param {HsmSummary[]} hsms
 * @param {URLSearchParams} query
 */
function choices(hsms, query) {
  return filters("/", query, [
    { name: "state", title: "State", options: optionsOf("All states", hsms.map((hsm) => hsm.state)) },
    { name: "team", title: "Team", options: optionsOf("All teams", hsms.map((hsm) => hsm.team)) },
    { name: "location", title: "Region", options: optionsOf("All regions", hsms.map((hsm) => hsm.location)) },
    {
      name: "order",
      title: "Order",
      options: [["", "Attention first"], ["name", "Name"], ["newest", "Newest first"], ["cost", "Cost"], ["expires", "Expiry"]],
    },
  ]);
}

/** @param {HsmSummary[]} hsms */
function fleet(hsms) {
  const columns = [
    { title: "HSM" }, { title: "State" }, { title: "Region" }, { title: "Age", numeric: true },
    { title: "Quorum" }, { title: "Verified" }, { title: "Expires" }, { title: "Monthly cost", numeric: true },
  ];
  const sums = [count(hsms.length, "HSM"), "", "", "", "", "", "", money(cost(hsms))];
  return table("HSMs, what state they are in and what they cost", columns, hsms.map(cells), sums);
}

/** @param {HsmSummary} hsm */
function cells(hsm) {
  const about = [hsm.team, hsm.environment].filter(Boolean).join(" · ");
  return [
    element("div", {},
      element("a", { href: `#/hsms/${encodeURIComponent(hsm.name)}`, id: `hsm-${hsm.name}` }, hsm.name),
      element("span", { class: "below" }, about)),
    element("div", {}, hsmState(hsm.state), lastOperation(hsm.lastOperation)),
    hsm.location,
    age(hsm.createdAt),
    quorumHealth(hsm.quorumHealth),
    hsm.verifiedAt ? relative(hsm.verifiedAt) : element("span", { class: "faint" }, "never"),
    expiry(hsm.expiresAt),
    money(hsm.monthlyCostUsd),
  ];
}

/** @param {OperationReference | undefined} operation */
function lastOperation(operation) {
  if (!operation || operation.status === "Succeeded") return null;
  const ended = hasEnded(operation.status);
  return element("a", { class: "below", href: `#/operations/${encodeURIComponent(operation.id)}`, id: `last-${operation.id}` },
    `${operation.kind} ${ended ? operation.status.toLowerCase() : "runs"}`);
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
 * @param {HsmSummary} hsm
 */
function attention(hsm) {
  return [
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
  /** @type {["state" | "team" | "location", string | null][]} */
  const chosen = [["state", query.get("state")], ["team", query.get("team")], ["location", query.get("location")]];
  return chosen.every(([name, value]) => !value || hsm[name] === value);
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
