// One operation as it runs: what is done, what runs, what is still to come, and what there is when it failed.

import { addressOf, read } from "../api.js";
import { isYou, readCaller } from "../caller.js";
import { announce, code, element, facts, list, replaceChildren, section } from "../dom.js";
import { between, capital, count, duration, money, relative, stepTitle, time } from "../format.js";
import { scope } from "../session.js";
import { hasEnded, hsmState, mark, operationStatus, progressKind, progressWord } from "../status.js";
import { command } from "./copying.js";
import { deletion, fullBackup } from "./deletion.js";
import { every } from "./every.js";
import { person, requesterOf, somebodyInFull } from "./people.js";
import { problem } from "./problem.js";
import { receiptFacts, toCeremony } from "./receipt.js";
import { network, parts, publicAccess, tags } from "./settings.js";

const POLL_SECONDS = 5;
const TICK_MILLISECONDS = 1000;
const NOT_NEEDED = "steps-not-needed";

/**
 * @param {Page} page
 * @param {string} id
 */
export async function showOperation(page, id) {
  const { main, signal } = page;
  const caller = await readCaller(signal);
  let said = "";
  await every(page, async () => {
    /** @type {{ document: Operation, retryAfter: number }} */
    const { document: operation, retryAfter } = await read(`operations/${encodeURIComponent(id)}`, signal);
    replaceChildren(main, ...draw(operation, caller));
    const words = describe(operation);
    if (said && words !== said) announce(words);
    said = words;
    return hasEnded(operation.status) ? 0 : retryAfter || POLL_SECONDS;
  });
  const clock = setInterval(() => tick(main), TICK_MILLISECONDS);
  signal.addEventListener("abort", () => clearInterval(clock), { once: true });
}

/**
 * @param {Operation} operation
 * @param {Caller} caller
 */
function draw(operation, caller) {
  return [
    element("h1", {}, `${capital(operation.kind)} ${operation.hsm}`),
    progress(operation),
    operation.error ? section("What went wrong", problem(operation.error)) : null,
    operation.exists ? existing(operation.exists) : null,
    waitsForApproval(operation) ? approval(operation, decision(operation, caller)) : null,
    element("div", { class: "columns" },
      section("Steps", timeline(operation.steps)),
      element("div", {},
        warnings(operation.warnings ?? []),
        about(operation),
        waitsForApproval(operation) ? null : approval(operation, null),
        change(operation.plan?.change),
        deletion(operation.plan?.deletion),
        plan(operation.plan),
        handover(operation.plan))),
    result(operation),
  ];
}

/** @param {Operation} operation */
function progress(operation) {
  const ended = hasEnded(operation.status);
  return element("div", { class: "progress" },
    operationStatus(operation),
    element("progress", { max: "100", value: String(operation.percentComplete), "aria-label": "Progress" }),
    element("span", { class: "numeric" }, `${operation.percentComplete} %`),
    element("span", { class: "faint" }, ended ? "took " : "for ", elapsed(operation.createdAt, operation.finishedAt)));
}

/**
 * Show the steps; those that were not needed are out of the way.
 * @param {Step[]} steps
 */
function timeline(steps) {
  const skipped = steps.filter((step) => step.status === "Skipped");
  return element("div", {},
    element("ol", { class: "timeline" }, ...steps.filter((step) => step.status !== "Skipped").map(line)),
    skipped.length ? notNeeded(skipped) : null);
}

/** @param {Step} step */
function line(step) {
  const current = step.status === "Running" ? "step" : undefined;
  return element("li", { "data-kind": progressKind(step.status), "aria-current": current },
    mark(progressKind(step.status)),
    element("span", { class: "title" }, stepTitle(step)),
    element("span", { class: "word" }, progressWord(step.status), step.attempts > 1 ? `, ${step.attempts} attempts` : ""),
    step.startedAt ? elapsed(step.startedAt, step.finishedAt) : null);
}

/** @param {Step[]} steps */
function notNeeded(steps) {
  const shown = document.getElementById(NOT_NEEDED);
  const open = shown instanceof HTMLDetailsElement && shown.open ? "" : undefined;
  return element("details", { id: NOT_NEEDED, open },
    element("summary", { id: `${NOT_NEEDED}-summary` }, `${count(steps.length, "step")} not needed`),
    list(steps.map(stepTitle)));
}

/**
 * Show how long something took, or has taken until now; the clock keeps the latter right.
 * @param {string} from
 * @param {string | undefined} until
 */
function elapsed(from, until) {
  const shown = element("span", { class: "elapsed numeric", "data-since": until ? undefined : from });
  shown.textContent = duration(between(from, until));
  return shown;
}

/** @param {HTMLElement} main */
function tick(main) {
  for (const shown of /** @type {NodeListOf<HTMLElement>} */ (main.querySelectorAll("[data-since]"))) {
    shown.textContent = duration(between(shown.dataset["since"] ?? ""));
  }
}

/** @param {Operation} operation */
function waitsForApproval({ approval, status }) {
  return approval?.required && !approval.decision && !hasEnded(status);
}

/**
 * @param {Operation} operation
 * @param {Node | null} decision how it is decided, while it waits
 */
function approval(operation, decision) {
  const { approval } = operation;
  if (!approval?.required) return null;
  const waits = waitsForApproval(operation);
  const kind = waits ? "warning" : decisionKind(approval.decision);
  const words = waits ? "Waits for approval" : capital(approval.decision ?? "not decided");
  return section("Approval",
    element("p", { class: "status", "data-kind": kind }, mark(kind), words),
    facts([
      ["Needed because", list(approval.reasons)],
      ["Expires", waits ? relative(approval.expiresAt) : null],
      ["Decided by", person(approval.decidedBy)],
      ["Decided", time(approval.decidedAt)],
      ["Comment", approval.comment],
      ["Plan's SHA-256", code(approval.planSha256)],
    ]),
    decision);
}

/**
 * Say who decides; to whom may decide, how.
 * @param {Operation} operation
 * @param {Caller} caller
 */
function decision({ id, team, requester, requestedBy, approval }, caller) {
  if (isYou(requester.objectId) || isYou(requestedBy)) {
    return element("p", {}, `You asked for it: somebody else of ${team} decides, who has the app role Hsm.Approve.`);
  }
  if (!caller.roles.includes("Hsm.Approve")) {
    return element("p", {}, `Somebody of ${team} decides who has the app role Hsm.Approve and did not ask for it.`);
  }
  const address = addressOf(`operations/${encodeURIComponent(id)}/approve`);
  return element("div", {},
    element("p", {}, "Read the plan, and hold its thumbprints against those that the custodians gave you by another "
      + "way. This approves it, as yourself; with reject in place of approve it is over, and nothing is made."),
    command("approve", `TOKEN=$(az account get-access-token --scope "${scope()}" --query accessToken --output tsv)
curl -sS -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  "${address}" --data '{"planSha256": "${approval?.planSha256}", "comment": "Agreed."}'`));
}

/** @param {string | undefined} decision */
function decisionKind(decision) {
  if (decision === undefined) return "waiting";
  return decision === "approved" ? "done" : "failed";
}

/** @param {{ code: string, message: string }[]} warnings */
function warnings(warnings) {
  if (!warnings.length) return null;
  return section("Warnings", list(warnings.map((warning) =>
    element("span", { class: "status", "data-kind": "warning" }, mark("warning"), element("span", {}, warning.message)))));
}

/** @param {NonNullable<Operation["exists"]>} exists */
function existing(exists) {
  return section("What exists", facts([
    ["HSM", exists.hsm ? hsmState(exists.hsm.state) : "none"],
    ["Costs a month", money(exists.monthlyCostUsd)],
    ["Resource", code(exists.hsm?.resourceId)],
    ["Resource group", exists.resourceGroup],
    ["How to go on", exists.resume],
  ]));
}

/** @param {Operation} operation */
function about(operation) {
  return section("About", facts([
    ["HSM", element("a", { href: `#/hsms/${encodeURIComponent(operation.hsm)}`, id: "to-hsm" }, operation.hsm)],
    ["Team", operation.team],
    ["Requester", requesterOf(operation.requester, operation.requestedBy)],
    ["Asked for", time(operation.createdAt)],
    ["Ended", time(operation.finishedAt)],
    ["Cancel asked for", operation.cancel ? element("span", {}, time(operation.cancel.at), " by ", person(operation.cancel.by)) : null],
    ["Id", code(operation.id)],
  ]));
}

/** @param {Plan | undefined} plan */
function plan(plan) {
  if (!plan) return null;
  return section("Plan", facts([
    ["Region", plan.location],
    ["SKU", plan.sku],
    ["Environment", plan.environment],
    ["Expires", plan.expiresAt ? time(plan.expiresAt) : "never"],
    ["Costs a month", money(plan.monthlyCostUsd)],
    ["Purge protection", plan.purgeProtection ? "on" : "off"],
    ["Soft delete", `kept ${plan.softDeleteRetentionDays} days`],
    ["Additional regions", list(plan.additionalRegions ?? [])],
    ["Public access", publicAccess(plan.publicNetworkAccess)],
    ["Network", network(plan.network)],
    ["Identities", list((plan.identities ?? []).map(code))],
    ["Tags", tags(plan.tags)],
    ["Quorum", plan.quorum && plan.wrappingKeys.length ? `${plan.quorum} of ${plan.wrappingKeys.length}` : null],
    ["Wrapping keys", list(plan.wrappingKeys.map(wrappingKey))],
    ["Administrators", list(plan.administrators.map(somebodyInFull))],
    ["Resource", code(plan.resourceId)],
    ["Security domain of", plan.source?.hsm],
    ["Full backup", fullBackup(plan.backup)],
    ["Read with", code(plan.backup?.identity)],
    ["Found", plan.found ? element("span", {}, `${plan.found.state}, made `, time(plan.found.madeAt)) : null],
  ]));
}

/** @param {Plan | undefined} plan */
function handover(plan) {
  if (!plan?.handover || !Object.keys(plan.handover).length) return null;
  const unknown = list((plan.confirmedAdministrators ?? []).map(somebodyInFull));
  return section("Hand-over",
    parts(plan.handover),
    unknown ? facts([["Whoever approves says that these exist", unknown]]) : null);
}

/** @param {Share} key */
function wrappingKey({ custodian, thumbprint }) {
  return element("div", {}, element("div", {}, custodian), code(thumbprint));
}

/** @param {Change | undefined} change */
function change(change) {
  if (!change) return null;
  return section("Change", facts([
    ["Sets tags", tags(change.tags)],
    ["Removes tags", list(change.removedTags)],
    ["Sets the network", network(change.network)],
    ["Sets public access", publicAccess(change.publicNetworkAccess)],
    ["Attaches", list((change.identities ?? []).map(code))],
    ["Detaches", list((change.removedIdentities ?? []).map(code))],
    ["Additional regions", change.additionalRegions && (list(change.additionalRegions) ?? "none any more")],
    ["Sets purge protection", change.purgeProtection ? "on" : null],
    ["Removes the expiry", change.removesExpiry ? "yes" : null],
  ]));
}

/** @param {Operation} operation */
function result({ hsm, result }) {
  if (!result) return null;
  return section("Result",
    facts([
      ["Address", code(result.uri)],
      ["Restored backup", fullBackup(result.restoredBackup)],
      ["Kept backup", fullBackup(result.decommissioned?.backup)],
    ]),
    result.securityDomain ? receiptFacts(result.securityDomain) : null,
    result.securityDomain ? toCeremony(hsm) : null);
}

/**
 * Say in words where an operation is, for those who hear the page.
 * @param {Operation} operation
 */
function describe(operation) {
  if (hasEnded(operation.status)) return `${progressWord(operation.status)}. ${operation.error?.message ?? ""}`;
  const step = operation.steps.find((each) => each.status === "Running");
  const title = step ? `${stepTitle(step)}: running. ` : "";
  return `${title}${operation.percentComplete} percent.`;
}
