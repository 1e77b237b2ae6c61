// What an HSM is set to, as an HSM and a plan have it.

import { code, element, list } from "../dom.js";

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
  const ranges = list(rules.ipRules.map(code));
  return element("div", {}, ranges ? "Denied by default, open to:" : "Denied by default, open to no address", ranges);
}
