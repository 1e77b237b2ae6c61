// What an HSM is set to, as an HSM and a plan have it.

import { list } from "../dom.js";

/** @param {Record<string, string> | undefined} all */
export function tags(all) {
  return list(Object.entries(all ?? {}).map(([name, value]) => `${name}: ${value}`));
}

/**
 * Show the network rules as they are named: what they are differs with what was asked for.
 * @param {unknown} rules
 */
export function network(rules) {
  if (rules === undefined || rules === null) return null;
  if (typeof rules !== "object") return String(rules);
  return list(Object.entries(rules).map(([name, rule]) => `${name}: ${typeof rule === "string" ? rule : JSON.stringify(rule)}`));
}
