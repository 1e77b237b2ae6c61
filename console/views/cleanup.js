// What the last clean-up found, did and saved, and what still costs money for nothing.

import { read } from "../api.js";
import { element, facts, list, replaceChildren, section } from "../dom.js";
import { between, count, day, duration, money, relative, time } from "../format.js";
import { every } from "./every.js";
import { nothing } from "./problem.js";
import { table } from "./tables.js";

const RUNNING_SECONDS = 3;
const IDLE_SECONDS = 60;

/** @type {Record<string, string>} */
const REASONS = {
  never_activated: "never activated",
  expired: "past its recorded expiry",
  expiring: "expires soon",
  deleted_long_ago: "deleted by this service long ago",
  deleted_lately: "deleted, and kept for its grace period",
  not_due: "in use",
  gone: "gone",
  unknown: "could not be looked at",
  on_hold: "on hold",
  operation_running: "an operation runs",
  not_ours: "not the HSM that our record is of",
  taken_over: "taken over, not made by this service",
  recovered: "somebody recovered it",
  record_disagrees: "our record and Azure disagree",
  state_unsettled: "its state in Azure is not settled",
  environment_unknown: "the policy has no such environment",
  subscription_not_allowed: "the policy has no such subscription",
  locked: "a lock in Azure",
  tried_lately: "tried in the last seven days",
  deletion_not_ours: "deleted by somebody else",
  purge_not_allowed: "its environment lets none be purged",
  purge_protected: "purge protection",
};
/** @type {Record<string, string>} */
const BURNING = { never_activated: "Never activated", expired: "Expired", soft_deleted: "Deleted, not purged" };

/** @param {Page} page */
export async function showCleanup(page) {
  const { main, signal } = page;
  let shown = "";
  await every(page, async () => {
    /** @type {{ document: CleanupReports }} */
    const { document } = await read("reports/cleanup", signal);
    const seen = JSON.stringify(document);
    if (seen !== shown || main.querySelector(".stale")) replaceChildren(main, ...draw(document));
    shown = seen;
    return document.running ? RUNNING_SECONDS : IDLE_SECONDS;
  });
}

/** @param {CleanupReports} reports */
function draw({ running, progress, report }) {
  const title = element("h1", {}, "Clean-up");
  const under = running ? element("p", {}, `A run is under way: ${count(progress?.judged ?? 0, "HSM")} looked at.`) : null;
  if (!report) return [title, under, nothing("No clean-up has ended yet.")];
  const begun = report.verdicts.filter(({ action }) => action === "delete" || action === "purge");
  const warned = report.verdicts.filter(({ action }) => action === "warn");
  const kept = report.verdicts.filter(({ action }) => action === "keep");
  return [
    title,
    under,
    summary(report),
    verdicts(report.enforced ? "Deleted and purged" : "Would be deleted and purged", begun),
    verdicts("Warned about", warned),
    verdicts("Kept", kept),
    columns(report),
  ];
}

/** @param {CleanupReport} report */
function summary(report) {
  const burnt = Object.values(report.burning).reduce((sum, { monthlyUsd }) => sum + monthlyUsd, 0);
  /** @type {[string, string, string][]} */
  const figures = [
    [report.enforced ? "Enforced" : "Report only", "", report.enforced ? "done" : ""],
    [String(report.judged), report.judged === 1 ? "HSM looked at" : "HSMs looked at", ""],
    [money(burnt), "a month for nothing", burnt ? "warning" : "done"],
    [money(report.saved.monthlyUsd), "a month saved", ""],
  ];
  return element("ul", { class: "figures", "aria-label": "Summary" }, ...figures.map(([figure, words, kind]) =>
    element("li", { "data-kind": kind || undefined }, element("strong", {}, figure), ` ${words}`)));
}

/**
 * @param {string} title
 * @param {JudgedHsm[]} judged
 */
function verdicts(title, judged) {
  if (!judged.length) return null;
  const heads = [
    { title: "HSM" }, { title: "What" }, { title: "Why" }, { title: "Expires" }, { title: "Monthly cost", numeric: true },
    { title: "Operation" },
  ];
  return section(title, table(title, heads, judged.map((one) => [
    element("div", {},
      element("a", { href: `#/hsms/${encodeURIComponent(one.hsm)}`, id: `judged-${one.hsm}` }, one.hsm),
      element("span", { class: "below" }, one.team ?? "")),
    what(one),
    why(one),
    one.expiresAt ? element("div", {}, day(one.expiresAt)) : null,
    money(one.monthlyCostUsd),
    one.operationId
      ? element("a", { href: `#/operations/${encodeURIComponent(one.operationId)}`, "aria-label": `Show operation on ${one.hsm}` },
        "Show")
      : null,
  ])));
}

/** @param {JudgedHsm} judged */
function what({ action, purges }) {
  return action === "delete" && purges ? "delete and purge" : action;
}

/** @param {JudgedHsm} judged */
function why({ reason, due, error }) {
  const words = REASONS[reason] ?? reason;
  if (error) return `${words}: ${error}`;
  return due && due !== reason ? `${words}; else due: ${REASONS[due] ?? due}` : words;
}

/** @param {CleanupReport} report */
function columns(report) {
  return element("div", { class: "columns" },
    section("What costs money for nothing", facts(Object.entries(report.burning).map(([reason, burnt]) =>
      [BURNING[reason] ?? reason, `${count(burnt.hsms, "HSM")}, ${money(burnt.monthlyUsd)} a month`]))),
    section("The run", facts([
      ["Began", time(report.startedAt)],
      ["Ended", relative(report.finishedAt)],
      ["Took", duration(between(report.startedAt, report.finishedAt))],
      ["Saved", `${count(report.saved.hsms, "HSM")} purged, ${money(report.saved.monthlyUsd)} a month`],
      ["Not looked at", list(report.unjudged)],
      [report.enforced ? "Empty groups deleted" : "Empty groups", list(report.resourceGroups)],
      ["Old history forgotten", String(report.forgottenInstances)],
      ["Old events deleted", String(report.forgottenEvents)],
      ["Old kept answers deleted", String(report.forgottenAnswers)],
      ["Old looks at subscriptions deleted", String(report.forgottenOnboardings)],
    ])));
}
