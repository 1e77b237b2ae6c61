// One HSM: what it is, whom it belongs to, what it costs, and how its security domain stands.

import { Problem, read, readPage } from "../api.js";
import { mayReadReports, readCaller } from "../caller.js";
import { code, element, facts, list, replaceChildren, section } from "../dom.js";
import { age, day, money, relative, time } from "../format.js";
import { certificateStatus, hasEnded, hsmState, progressStatus, quorumHealth } from "../status.js";
import { fullBackup } from "./deletion.js";
import { findingsTable, readDrift } from "./drift.js";
import { every } from "./every.js";
import { toHandover } from "./handover.js";
import { operationsTable } from "./operations.js";
import { person, somebody } from "./people.js";
import { nothing, problem } from "./problem.js";
import { receiptFacts, toCeremony } from "./receipt.js";
import { network, publicAccess, tags } from "./settings.js";
import { table } from "./tables.js";

const REFRESH_SECONDS = 10;

/**
 * @param {Page} page
 * @param {string} name
 */
export async function showHsm(page, name) {
  await every(page, () => look(page, name));
}

/**
 * Show the HSM as it is now; while an operation changes it, that is to be looked at again.
 * @param {Page} page
 * @param {string} name
 */
async function look({ main, signal }, name) {
  const path = `hsms/${encodeURIComponent(name)}`;
  /** @type {Hsm} */
  const hsm = (await read(path, signal)).document;
  const [domain, handover, operations, drift] = await Promise.all([
    part(async () => securityDomain(hsm, (await read(`${path}/security-domain`, signal)).document), signal),
    part(async () => toHandover(name, (await read(`${path}/handover`, signal)).document), signal),
    part(async () => operationsTable((await readPage("operations", { hsm: name }, signal)).value, false), signal),
    driftOf(hsm.name, signal),
  ]);
  replaceChildren(main,
    element("h1", {}, hsm.name),
    element("p", { class: "lead" }, hsmState(hsm.state), ...lastOperation(hsm.lastOperation)),
    element("div", { class: "columns" },
      element("div", {}, about(hsm), people(hsm)),
      element("div", {}, cost(hsm), protection(hsm))),
    drift,
    section("Security domain", domain),
    section("Hand-over", handover),
    section("Operations", operations),
  );
  return hsm.lastOperation && !hasEnded(hsm.lastOperation.status) ? REFRESH_SECONDS : 0;
}

/**
 * Show how the last reconciliation found that an HSM differs; null where it does not, or the reader may not know.
 * @param {string} name
 * @param {AbortSignal} signal
 */
async function driftOf(name, signal) {
  if (!mayReadReports(await readCaller(signal))) return null;
  return part(async () => {
    const { report } = await readDrift(signal);
    const found = report?.drift.filter((finding) => finding.hsm === name) ?? [];
    return found.length ? section("Drift", findingsTable(found, false)) : null;
  }, signal);
}

/**
 * Show a part of the page, or why it cannot be shown: the rest may be shown nevertheless.
 * @param {() => Promise<Node | null>} draw
 * @param {AbortSignal} signal
 */
async function part(draw, signal) {
  try {
    return await draw();
  } catch (error) {
    if (signal.aborted || !(error instanceof Problem)) throw error;
    return error.details.status === 404 ? nothing("There is none.") : problem(error.details);
  }
}

/** @param {OperationReference | undefined} operation */
function lastOperation(operation) {
  if (!operation) return [];
  const address = `#/operations/${encodeURIComponent(operation.id)}`;
  return [element("span", {},
    element("span", { class: "faint" }, "Last operation:"),
    element("a", { href: address, id: "last-operation" }, operation.kind),
    progressStatus(operation.status))];
}

/** @param {Hsm} hsm */
function about(hsm) {
  return section("About", facts([
    ["Team", hsm.team],
    ["Environment", hsm.environment],
    ["Region", [hsm.location, ...(hsm.additionalRegions ?? [])].join(" and ")],
    ["SKU", hsm.sku],
    ["Address", code(hsm.uri)],
    ["Resource", code(hsm.resourceId)],
    ["Tags", tags(hsm.tags)],
  ]));
}

/** @param {Hsm} hsm */
function cost(hsm) {
  return section("Cost and age", facts([
    ["Costs a month", money(hsm.monthlyCostUsd)],
    ["Created", time(hsm.createdAt)],
    ["Age", age(hsm.createdAt)],
    ["Expires", hsm.expiresAt ? element("span", {}, day(hsm.expiresAt), " (", relative(hsm.expiresAt), ")") : "never"],
  ]));
}

/** @param {Hsm} hsm */
function protection(hsm) {
  return section("Protection", facts([
    ["On hold", hsm.hold ? element("span", {}, `${hsm.hold.reason} (`, relative(hsm.hold.at), ")") : null],
    ["Purge protection", hsm.purgeProtection === undefined ? null : hsm.purgeProtection ? "on" : "off"],
    ["Soft delete", hsm.softDeleteRetentionDays === undefined ? null : `kept ${hsm.softDeleteRetentionDays} days`],
    ["Full backup", backups(hsm.backup)],
    ["Kept backup", fullBackup(hsm.decommissioned?.backup)],
    ["Public access", publicAccess(hsm.publicNetworkAccess)],
    ["Network", network(hsm.network)],
    ["Identities", list((hsm.identities ?? []).map(code))],
  ]));
}

/** @param {Backups | undefined} state */
function backups(state) {
  if (!state) return null;
  const { last, tooOld, failure } = state;
  return element("span", {},
    ...(last ? [fullBackup(last), " (", relative(last.endedAt), ")"] : ["none"]),
    tooOld ? ", too old" : null,
    failure ? `. ${failure.message} ${failure.advice ?? ""}` : null);
}

/** @param {Hsm} hsm */
function people(hsm) {
  return section("People", facts([
    ["Requester", person(hsm.requester)],
    ["Administrators", list((hsm.administrators ?? []).map(somebody))],
  ]));
}

/**
 * @param {Hsm} hsm
 * @param {SecurityDomain} domain
 */
function securityDomain({ name }, domain) {
  const { verification, receipt } = domain;
  const certificates = new Map(verification?.shares.map((share) => [share.thumbprint, share.certificate]));
  const rows = domain.shares.map((share) => [
    share.custodian ?? "unknown custodian",
    certificateStatus(certificates.get(share.thumbprint) ?? "Unknown"),
    code(share.thumbprint),
  ]);
  return element("div", {},
    facts([
      ["Quorum health", quorumHealth(verification?.quorumHealth ?? "Unknown")],
      ["Last verified", verification ? relative(verification.verifiedAt) : "never"],
      ["Faults", verification ? list(verification.faults) ?? "none" : null],
    ]),
    rows.length
      ? table("Custodians' shares", [{ title: "Custodian" }, { title: "Certificate" }, { title: "Thumbprint" }], rows)
      : nothing("No share is known."),
    receipt ? receiptFacts(receipt) : nothing("Nothing is stored yet."),
    receipt ? toCeremony(name) : null);
}
