// What an HSM is set to, as an HSM and a plan have it.

import { code, element, facts, list } from "../dom.js";

/** @param {Record<string, string> | undefined} all */
export function tags(all) {
  return list(Object.entries(all ?? {}).map(([name, value]) => `${name}: ${value}`));
}

/**
 * Say from where an HSM can be reached publicly.
 * @param {Network | undefined} rules
 */
export function network(rules) {
  if (!rules) return null;
  if (rules.defaultAction === "Allow") return "Open to all networks";
  const open = [
    ...rules.ipRules.map(code),
    ...(rules.virtualNetworkRules ?? []).map(code),
    ...(rules.serviceTags ?? []).map((tag) => `service tag ${tag}`),
  ];
  return element("div", {},
    open.length ? "Denied by default, open to:" : "Denied by default, open to no address",
    list(open),
    rules.bypass === "None" ? element("div", {}, "Closed to the services that Microsoft trusts") : null);
}

/**
 * Say who may reach an HSM over the public endpoint at all.
 * @param {string | undefined} access
 */
export function publicAccess(access) {
  return access && (access === "Disabled" ? "off: private endpoints only" : "on, within the network rules");
}

/** The parts of a hand-over, as people call them. @type {Record<string, string>} */
export const PARTS = {
  privateEndpoints: "Private endpoints",
  settings: "Settings",
  keys: "First keys",
  localRoleDefinitions: "Local roles of its own",
  localRoleAssignments: "Who has local roles",
  diagnostics: "Logs",
  alerts: "Alerts",
  fullBackup: "Full backup",
  lock: "Lock",
  administration: "Administration",
};

/**
 * Show all that a hand-over gives an HSM.
 * @param {Handover | undefined} handover
 */
export function parts(handover) {
  return facts(Object.entries(handover ?? {}).map(([name, asked]) => [PARTS[name] ?? name, anything(asked)]));
}

/**
 * Show a part of a document as it is, its members by their names.
 * @param {unknown} part
 * @returns {Node | null}
 */
export function anything(part) {
  if (Array.isArray(part)) return list(part.map(anything));
  if (typeof part !== "object" || part === null) return part === undefined ? null : element("span", {}, String(part));
  return list(Object.entries(part).map(([name, value]) => {
    const plain = typeof value !== "object";
    return element("div", {}, `${name}: `, plain ? code(String(value)) : anything(value));
  }));
}
