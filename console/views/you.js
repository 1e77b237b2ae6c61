// The reader: who they are, which roles they have, and what to ask for whom where there is nothing to see.

import { addressOf } from "../api.js";
import { isOfNoTeam, mayRead, readCaller } from "../caller.js";
import { code, element, facts, list, replaceChildren, section } from "../dom.js";
import { scope } from "../session.js";
import { command, copyable } from "./copying.js";

/** What each app role lets a person do, the least first. */
const ROLES = [
  ["Hsm.Read", "see your teams' HSMs and operations"],
  ["Hsm.Request", "ask for HSMs for your teams, and change them"],
  ["Hsm.Approve", "decide what of your teams needs approval"],
  ["Hsm.Operate", "see and change the HSMs of all teams"],
  ["Hsm.Audit", "read the audit log"],
];

/** @param {Page} page */
export async function showYou({ main, signal }) {
  const caller = await readCaller(signal);
  replaceChildren(main,
    element("h1", {}, title(caller)),
    element("div", { class: "columns" },
      about(caller),
      element("div", {},
        caller.roles.includes("Hsm.Audit") ? auditLog() : null,
        isOfNoTeam(caller) ? teamToAskFor() : null,
        mayRead(caller) ? null : rolesToAskFor(caller))));
}

/** @param {Caller} caller */
function title(caller) {
  if (mayRead(caller)) return "You";
  return caller.roles.length ? "You may read the audit log" : "You have no role here yet";
}

/** @param {Caller} caller */
function about(caller) {
  return section("Who you are", facts([
    ["Name", caller.name],
    ["Signed in as", caller.username],
    ["Object id", copyable(caller.objectId)],
    ["App roles", list(caller.roles.map(code)) ?? "none"],
    ["Teams", mayRead(caller) ? teams(caller) : null],
  ]));
}

/** @param {Caller} caller */
function teams(caller) {
  if (caller.roles.includes("Hsm.Operate")) return "all";
  return list(caller.teams) ?? "none";
}

function teamToAskFor() {
  return section("What to ask for",
    element("p", {}, "You see the HSMs of your teams, and you are of no team. Ask the operators of this deployment to "
      + "name you, or a group that you are in, in its policy; tell them your object id."));
}

/** @param {Caller} caller */
function rolesToAskFor(caller) {
  const others = ROLES.filter(([role = ""]) => !caller.roles.includes(role));
  return section("What to ask for",
    element("p", {}, caller.roles.length ? "To see HSMs, too, ask" : "Ask", " an administrator of your Entra tenant for "
      + "one of these app roles of the API's enterprise application; tell them your object id. Then sign out, and in again."),
    facts(others.map(([role = "", allows = ""]) => [role, `to ${allows}`])),
    element("p", {}, "Which teams are yours is said by the policy of this deployment: its operators name you, or a group "
      + "that you are in."));
}

function auditLog() {
  return section("Read the audit log",
    element("p", {}, "It says who did what; each record is written once, and holds the hash of the one before."),
    command("audit", `TOKEN=$(az account get-access-token --scope "${scope()}" --query accessToken --output tsv)
curl -sS -H "Authorization: Bearer $TOKEN" "${addressOf("audit")}"`),
    element("p", {},
      element("a", { href: "/api/docs/#/audit", id: "to-audit" }, "All that the call takes"),
      ": one operation, one HSM, a kind, a time. The page for auditors, docs/auditors.md, says what a record means, and "
        + "how to check all of them in a copy of your own."));
}
