// The ceremony sheet: what custodians and witnesses of a security domain sign, on paper. It is made once, of the record.

import { Problem, read } from "../api.js";
import { readCaller } from "../caller.js";
import { code, element, facts, list, replaceChildren, section } from "../dom.js";
import { count } from "../format.js";
import { mark } from "../status.js";
import { offlineCopy } from "./offline.js";
import { box, digest, hexOf, line, signature, utc } from "./paper.js";
import { table } from "./tables.js";

/** @typedef {{ hsm: Hsm, domain: SecurityDomain & { receipt: Receipt }, operation: Operation | undefined }} CeremonyRecord */

const SIZE = new Intl.NumberFormat("en");
const SUBSCRIPTION = /^\/subscriptions\/([^/]+)\//;
const LOST = new Set(["Disabled", "Missing"]);
/** @type {Record<string, string>} */
const HEALTH = {
  Healthy: "healthy: no key is known to be lost",
  Warning: "warning: a key is lost, and the others are enough",
  Critical: "critical",
  Unknown: "unknown: not every Key Vault answered",
};
/** @type {Record<string, string>} */
const CERTIFICATES = {
  Disabled: "disabled in its Key Vault: as it is, this share is lost",
  Missing: "not in its Key Vault any more: this share is lost",
  Unknown: "its Key Vault did not answer",
};

/**
 * @param {Page} page
 * @param {string} name
 */
export async function showCeremony({ main, signal }, name) {
  const caller = await readCaller(signal);
  const record = await readRecord(name, signal);
  const { hsm, domain } = record;
  const made = new Date().toISOString();
  const reasons = reasonsNotToSign(domain);
  const title = `Ceremony sheet of ${hsm.name}`;
  replaceChildren(main,
    element("div", { class: "sheet-bar unprinted" },
      element("a", { href: `#/hsms/${encodeURIComponent(hsm.name)}` }, `Back to ${hsm.name}`),
      printButton()),
    element("article", { class: "sheet" },
      runningHead(hsm, made, reasons.length > 0),
      element("div", { class: "sheet-body" },
        element("h1", {}, title),
        reasons.length ? refusal(reasons) : null,
        purpose(),
        aboutHsm(record, `${utc(made)}, by ${caller.name}`),
        securityDomain(record),
        custodians(domain),
        losses(domain),
        offlineCopy(domain.receipt),
        witnesses(domain))));
}

/**
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<CeremonyRecord>}
 */
async function readRecord(name, signal) {
  const path = `hsms/${encodeURIComponent(name)}`;
  const [hsm, domain] = await Promise.all([
    read(path, signal),
    read(`${path}/security-domain`, signal),
  ]);
  const operation = await readOperation(domain.document.receipt.operationId, signal);
  return { hsm: hsm.document, domain: domain.document, operation };
}

/**
 * Read the operation that made the file, which the API keeps for a time only.
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Operation | undefined>}
 */
async function readOperation(id, signal) {
  try {
    return (await read(`operations/${encodeURIComponent(id)}`, signal)).document;
  } catch (error) {
    if (error instanceof Problem && error.details.status === 404) return undefined;
    throw error;
  }
}

function printButton() {
  const button = element("button", { type: "button", class: "primary" }, "Print");
  button.addEventListener("click", () => print());
  return button;
}

/**
 * What stands at the top of each printed page.
 * @param {Hsm} hsm
 * @param {string} made
 * @param {boolean} refused
 */
function runningHead(hsm, made, refused) {
  return element("div", { class: "running-head" },
    element("div", {},
      element("strong", {}, hsm.name),
      element("span", {}, refused ? "DO NOT SIGN" : "Ceremony sheet: who holds the keys of its security domain"),
      element("span", {}, utc(made))));
}

/**
 * Say what speaks against signing: nobody signs for a file that is not right, or that the next accident loses.
 * @param {SecurityDomain} domain
 */
function reasonsNotToSign({ quorum = 0, shares, verification }) {
  if (!verification) return ["What is stored has not been verified."];
  if (verification.faults.length) return verification.faults;
  if (verification.quorumHealth !== "Critical") return [];
  const left = shares.length - verification.shares.filter(({ certificate = "" }) => LOST.has(certificate)).length;
  const keys = `${left} of ${shares.length} keys are not known to be lost, and ${quorum} are needed`;
  return [left < quorum ? `${keys}: nobody can open the security domain.` : `${keys}: one loss more loses the HSM.`];
}

/** @param {string[]} reasons */
function refusal(reasons) {
  return element("div", { class: "problem", role: "alert" },
    element("p", { class: "status", "data-kind": "failed" }, mark("failed"), element("strong", {}, "Do not sign this sheet.")),
    list(reasons),
    element("p", {}, "Tell the operators. When it is mended and verified again, print a new sheet."));
}

function purpose() {
  return section("What this sheet is for",
    element("p", {}, "It records who can restore this HSM from its security domain, and that each of them holds their "
      + "key. Sign it by hand at the ceremony, and keep the original apart from the keys and from the file."));
}

/**
 * @param {CeremonyRecord} record
 * @param {string} made
 */
function aboutHsm({ hsm, domain, operation }, made) {
  return section("The HSM", facts([
    ["Name", hsm.name],
    ["Resource id", code(hsm.resourceId)],
    ["Subscription", code(SUBSCRIPTION.exec(hsm.resourceId ?? "")?.[1])],
    ["Region", hsm.location],
    ["Environment", hsm.environment],
    ["Team", hsm.team],
    ["Operation", code(domain.receipt.operationId)],
    ["Asked for by", askedBy(operation)],
    ["Approved by", approvedBy(operation)],
    ["This sheet made", made],
  ]));
}

/** @param {Operation | undefined} operation */
function askedBy(operation) {
  if (!operation) return "the operation is too old to be read";
  const asked = principal(operation.requester);
  if (!operation.requestedBy) return asked;
  return element("span", {}, asked, ", which says: for person ", code(operation.requestedBy));
}

/** @param {Operation | undefined} operation */
function approvedBy(operation) {
  if (!operation) return null;
  const { approval } = operation;
  if (!approval?.decidedBy || !approval.decidedAt) return approval?.required ? null : "no approval was needed";
  return element("span", {}, principal(approval.decidedBy), `, ${utc(approval.decidedAt)}`);
}

/** Write somebody's whole id: on paper nothing can be copied. @param {Principal} principal */
function principal({ kind, objectId }) {
  return element("span", {}, `${kind} `, code(objectId));
}

/** @param {CeremonyRecord} record */
function securityDomain({ domain, operation }) {
  const { receipt, verification, shares, quorum } = domain;
  const confirmed = operation?.steps.find(({ name }) => name === "await_activation");
  return section("The security domain", facts([
    ["SHA-256", digest(receipt.sha256)],
    ["Size", `${SIZE.format(receipt.size)} bytes`],
    ["Where it lies", code(receipt.blobUrl)],
    ["ETag", code(receipt.etag)],
    ["Quorum", `any ${quorum} of these ${shares.length}`],
    ["Stored", receipt.storedAt ? utc(receipt.storedAt) : null],
    ["Confirmed by the HSM", confirmed?.finishedAt ? utc(confirmed.finishedAt) : null],
    ["Verified", verification ? element("div", {}, utc(verification.verifiedAt), checks(verification.checks)) : "never"],
    ["Quorum's health", verification ? HEALTH[verification.quorumHealth] ?? verification.quorumHealth : null],
  ]));
}

/** Count what passed, and say what did not. @param {Check[]} checks */
function checks(checks) {
  const others = checks.filter(({ verdict }) => verdict !== "Passed");
  const passed = checks.length - others.length;
  return element("div", {},
    `${count(passed, "check")} passed${others.length ? "" : ", none failed"}`,
    list(others.map(({ verdict, title, message }) => `${verdict}: ${title}. ${message ?? ""}`)));
}

/** @param {SecurityDomain} domain */
function custodians({ shares, verification }) {
  const states = new Map(verification?.shares.map((share) => [share.thumbprint, share.certificate]));
  const columns = ["Custodian", "Certificate", "By the custodian's hand"].map((title) => ({ title }));
  const rows = shares.map((share, index) => [
    element("div", {}, `${index + 1}. `, element("bdi", {}, share.custodian || "no name was given")),
    certificate(share, CERTIFICATES[states.get(share.thumbprint) ?? ""]),
    element("div", {},
      box("I hold the private key and have locked it away."),
      signature(),
      line("Date"),
      line("Place of the sealed copy")),
  ]);
  return section("The custodians",
    element("p", {}, "Each compares the thumbprint with that of their own certificate, whole, and then signs."),
    element("div", { class: "custodians" }, table("Custodians", columns, rows)));
}

/**
 * @param {Share} share
 * @param {string | undefined} trouble
 */
function certificate({ thumbprint, certificateId }, trouble) {
  return element("dl", { class: "certificate" },
    element("dt", {}, "SHA-256 thumbprint"),
    element("dd", {}, digest(hexOf(thumbprint))),
    element("dt", {}, "x5t_256, as the file has it"),
    element("dd", {}, code(thumbprint)),
    element("dt", {}, "Place"),
    element("dd", {}, certificateId ? code(certificateId) : "made offline"),
    trouble ? element("dt", {}, "Now") : null,
    trouble ? element("dd", {}, element("strong", {}, trouble)) : null);
}

/** @param {SecurityDomain} domain */
function losses({ quorum, shares }) {
  return section("What is lost when", element("ul", { class: "losses" }, ...[
    [`Fewer than ${quorum} of the ${shares.length} private keys are left`,
      "The HSM cannot be restored by anybody, Microsoft included."],
    ["The file is lost", "The same, however many keys are left."],
    [`${quorum} of the keys and the file are in the wrong hands`,
      "Everything in the HSM is theirs, and nothing takes it back."],
    ["A Key Vault is deleted, or a key in it purged", "The share of that key is lost."],
    ["The HSM is re-wrapped for other custodians",
      "The old quorum is not revoked: the old file and its keys still open everything."],
  ].map(([what, loss]) => element("li", {}, element("strong", {}, `${what}.`), ` ${loss}`))));
}

/** @param {SecurityDomain} domain */
function witnesses({ shares }) {
  const columns = ["Part", "Name", "Signature", "Date"].map((title) => ({ title }));
  const parts = ["Led the ceremony", "Witness 1", "Witness 2"];
  return section("Witnesses",
    element("p", {}, `We saw ${count(shares.length, "custodian")} sign for their own key, and the hash of the offline copy `
      + "compared."),
    element("div", { class: "witnesses" }, table("Witnesses", columns, parts.map((part) => [part, line(""), line(""), line("")]))));
}
