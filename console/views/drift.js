// What the last reconciliation found that is not as recorded, and what is done about it.

import { read } from "../api.js";
import { announce, code, element, facts, list, replaceChildren, section } from "../dom.js";
import { between, capital, count, duration, relative, time } from "../format.js";
import { severity } from "../status.js";
import { every } from "./every.js";
import { filters, optionsOf } from "./filters.js";
import { nothing } from "./problem.js";
import { table } from "./tables.js";

const RUNNING_SECONDS = 3;
const IDLE_SECONDS = 60;

/** @type {("severity" | "team" | "code")[]} */
const CHOICES = ["severity", "team", "code"];
const SEVERITIES = ["critical", "warning", "information"];

/** @type {Record<string, string>} */
const DRIFTS = {
  hsm_gone: "gone from Azure",
  replaced_by_others: "another HSM is in its place, made by others",
  lives_again: "exists again, though it was deleted",
  deletion_unfinished: "still exists, though it was to be deleted",
  not_activated: "not activated",
  activation_failed: "its activation failed",
  public_access_opened: "public access was opened",
  network_differs: "its network rules differ",
  network_tighter: "its network rules let in less",
  purge_protection_off: "purge protection is off",
  regions_differ: "it is in other regions",
  identities_missing: "identities are not attached to it",
  administrators_changed: "its administrators changed",
  service_still_administrator: "this service is still its administrator",
  tags_differ: "its tags differ",
  domain_not_verified_lately: "its security domain was not verified lately",
  quorum_critical: "the quorum of its security domain is critical",
  diagnostics_gone: "its log goes nowhere any more",
  lock_gone: "its lock is gone",
  alerts_gone: "alerts of it are gone",
  private_endpoints_gone: "private endpoints of it are gone",
  quorum_warning: "the quorum of its security domain is at risk",
  backup_too_old: "its last good full backup is too old",
  record_disagrees: "our record and Azure disagree",
  unrecorded: "nobody recorded it",
};
/** @type {Record<string, string>} */
const HEALINGS = {
  none: "nothing: a person has to look",
  not_allowed: "nothing: the policy does not allow it",
  report_only: "nothing: the run only reported",
  started: "being put right",
  running: "being put right",
  on_hold: "nothing: it is on hold",
  operation_running: "waits for the operation that runs",
  tried_lately: "was tried lately, is tried again later",
  gave_up: "nothing: it came back each time",
  over_limit: "waits for the next run: this one began enough",
  failed: "could not be begun",
};
/** @type {Record<string, string>} */
const OUTCOMES = {
  started: "begun",
  report_only: "nothing: the run only reported",
  over_limit: "waits for the next run: this one began enough",
  tombstone: "nothing: its HSM was decommissioned",
  not_wanted: "nothing: a closer look said no",
  failed: "could not be begun",
};

/** @param {Page} page */
export async function showDrift(page) {
  const { main, query, signal } = page;
  let shown = "";
  await every(page, async () => {
    const reports = await readDrift(signal);
    const seen = JSON.stringify(reports);
    if (seen !== shown || main.querySelector(".stale")) replaceChildren(main, ...draw(reports, query));
    shown = seen;
    return reports.running ? RUNNING_SECONDS : IDLE_SECONDS;
  });
}

/**
 * Read what the last reconciliation found.
 * @param {AbortSignal} signal
 * @returns {Promise<ReconciliationReports>}
 */
export async function readDrift(signal) {
  return (await read("reports/reconciliation", signal)).document;
}

/**
 * @param {ReconciliationReports} reports
 * @param {URLSearchParams} query
 */
function draw({ running, progress, report }, query) {
  const title = element("h1", {}, "Drift");
  const under = running ? underWay(progress) : null;
  if (!report) return [title, under, nothing("No reconciliation has ended yet: one begins by its schedule.")];
  return [
    title,
    under,
    element("p", { class: "faint" }, "Last run: ", relative(report.finishedAt),
      report.first ? ". It was the first and only reported: the next one may put things right." : "."),
    summary(report),
    ...drift(report, query),
    abandoned(report.abandoned),
    missing(report.missing),
    theRun(report),
  ];
}

/** @param {ReconciliationReports["progress"]} progress */
function underWay(progress) {
  const { checked = 0, failed = 0, started = 0 } = progress ?? {};
  const words = [
    `${count(checked, "HSM")} checked`,
    failed ? `${failed} could not be` : "",
    started ? `${count(started, "operation")} begun` : "",
  ];
  return element("p", {}, `A run is under way: ${words.filter(Boolean).join(", ")}.`);
}

/** @param {ReconciliationReport} report */
function summary({ checked, drift, abandoned, missing, first }) {
  const critical = drift.filter((finding) => finding.severity === "critical").length;
  const begun = drift.filter(({ healing }) => healing === "started").length
    + [...abandoned, ...missing].filter(({ outcome }) => outcome === "started").length;
  /** @type {[string, string, string][]} */
  const figures = [
    [String(checked), checked === 1 ? "HSM checked" : "HSMs checked", ""],
    [drift.length ? String(drift.length) : "No", drift.length === 1 ? "difference" : "differences",
      drift.length ? "" : "done"],
    [critical ? String(critical) : "None", critical === 1 ? "is critical" : "are critical", critical ? "warning" : "done"],
    [first ? "Report only" : String(begun), first ? "" : begun === 1 ? "operation begun" : "operations begun", ""],
  ];
  return element("ul", { class: "figures", "aria-label": "Summary" }, ...figures.map(([figure, words, kind]) =>
    element("li", { "data-kind": kind || undefined }, element("strong", {}, figure), ` ${words}`)));
}

/**
 * Show the findings, the worst first, and let the reader choose among them.
 * @param {ReconciliationReport} report
 * @param {URLSearchParams} query
 */
function drift({ drift, driftLeftOut }, query) {
  if (!drift.length) return [section("What differs", nothing("Every HSM is as recorded."))];
  const chosen = element("div", {});
  const look = () => {
    const shown = drift.filter((finding) => isChosen(finding, query));
    chosen.replaceChildren(shown.length ? findingsTable(shown, true) : nothing("No finding is like that."));
    return shown.length;
  };
  look();
  return [
    choices(drift, query, () => announce(count(look(), "finding"))),
    chosen,
    driftLeftOut ? element("p", { class: "nothing" }, `The report leaves out ${count(driftLeftOut, "more finding")}.`) : null,
  ];
}

/**
 * @param {DriftFinding[]} findings
 * @param {URLSearchParams} query
 * @param {() => void} look
 */
function choices(findings, query, look) {
  const found = new Set(findings.map((finding) => finding.severity));
  return filters("/drift", query, [
    {
      name: "severity",
      title: "Severity",
      options: [["", "All"], ...SEVERITIES.filter((name) => found.has(name)).map(option)],
    },
    { name: "team", title: "Team", options: optionsOf(findings.map((finding) => finding.team)) },
    {
      name: "code",
      title: "What differs",
      options: optionsOf(findings.map((finding) => finding.code)).map(([value, text]) => [value, DRIFTS[value] ?? text]),
    },
  ], { title: "Name or team", look });
}

/**
 * @param {string} name
 * @returns {[string, string]}
 */
function option(name) {
  return [name, capital(name)];
}

/**
 * @param {DriftFinding} finding
 * @param {URLSearchParams} query
 */
function isChosen(finding, query) {
  const chosen = CHOICES.every((name) => !query.get(name) || finding[name] === query.get(name));
  const words = (query.get("search") ?? "").toLowerCase().split(/\s+/);
  const searched = `${finding.hsm} ${finding.team ?? ""}`.toLowerCase();
  return chosen && words.every((word) => searched.includes(word));
}

/**
 * Make a table of what differs; `ofAll` where it is of more than one HSM.
 * @param {DriftFinding[]} findings
 * @param {boolean} ofAll
 */
export function findingsTable(findings, ofAll) {
  const columns = [
    ...(ofAll ? ["HSM"] : []), "What differs", "Severity", "Since", "Done about it",
  ].map((title) => ({ title }));
  return table("What differs", columns, findings.map((finding) => [
    ...(ofAll ? [named(finding)] : []),
    element("div", {}, DRIFTS[finding.code] ?? finding.code,
      below("Expected", finding.expected),
      below("Found", finding.found),
      below("Resource", finding.team ? undefined : code(finding.resourceId))),
    severity(finding.severity),
    relative(finding.since),
    done(finding.hsm, HEALINGS[finding.healing] ?? finding.healing, finding.operationId),
  ]));
}

/** Name the HSM of a finding; one that nobody recorded has no page. @param {DriftFinding} finding */
function named({ hsm: name, team, code }) {
  return team ? hsm(name, team, `drift-${name}-${code}`) : name;
}

/**
 * @param {string} term
 * @param {import("../dom.js").Child} what
 */
function below(term, what) {
  return what ? element("span", { class: "below" }, `${term}: `, what) : null;
}

/** @param {AbandonedOperation[]} operations */
function abandoned(operations) {
  if (!operations.length) return null;
  const columns = ["HSM", "Accepted", "Done about it"].map((title) => ({ title }));
  const title = "Operations that never began";
  return section(title, table(title, columns, operations.map((one) => [
    hsm(one.hsm, undefined, `abandoned-${one.operationId}`),
    relative(one.claimedAt),
    done(one.hsm, outcome(one), one.operationId),
  ])));
}

/** @param {MissingHsm[]} subscriptions */
function missing(subscriptions) {
  if (!subscriptions.length) return null;
  const columns = ["Subscription", "HSM", "Done about it"].map((title) => ({ title }));
  const title = "Subscriptions without an HSM";
  return section(title, table(title, columns, subscriptions.map((one) => [
    code(one.subscriptionId),
    one.hsm,
    done(one.hsm, outcome(one), one.operationId),
  ])));
}

/** @param {{ outcome: string, error?: ErrorDetail }} one */
function outcome({ outcome, error }) {
  const words = OUTCOMES[outcome] ?? outcome;
  return error ? `${words}: ${error.message}` : words;
}

/**
 * @param {string} name
 * @param {string | undefined} team
 * @param {string} id
 */
function hsm(name, team, id) {
  return element("div", {},
    element("a", { href: `#/hsms/${encodeURIComponent(name)}`, id }, name),
    team ? element("span", { class: "below" }, team) : null);
}

/**
 * @param {string} name
 * @param {string} words
 * @param {string | undefined} operationId
 */
function done(name, words, operationId) {
  if (!operationId) return words;
  const address = `#/operations/${encodeURIComponent(operationId)}`;
  return element("div", {}, words,
    element("a", { class: "below", href: address, "aria-label": `Show operation on ${name}` }, "Show operation"));
}

/** @param {ReconciliationReport} report */
function theRun(report) {
  return element("div", { class: "columns" },
    section("The run", facts([
      ["Began", time(report.startedAt)],
      ["Ended", time(report.finishedAt)],
      ["Took", duration(between(report.startedAt, report.finishedAt))],
      ["Not checked", list(report.unchecked)],
      ["Not checked, for an operation was changing them", list(report.busy)],
      ["Not looked through for HSMs without a record", list(report.unlistedSubscriptions)],
      ["Subscriptions checked", report.subscriptionsChecked === undefined ? "none" : String(report.subscriptionsChecked)],
    ])));
}
