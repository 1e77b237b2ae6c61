// Who asked, who decided. Of others than the reader the API knows Entra's object id, and no name.

import { isYou, you } from "../caller.js";
import { element } from "../dom.js";
import { copyable } from "./copying.js";

const SHORT_LENGTH = 8;

/**
 * Show somebody by an object id, in short: the reader by name.
 * @param {string} objectId
 */
export function somebody(objectId) {
  return isYou(objectId) ? element("span", {}, you()) : copyable(objectId, `${objectId.slice(0, SHORT_LENGTH)}…`);
}

/**
 * Show somebody by the whole object id, where it is to be held against another.
 * @param {string} objectId
 */
export function somebodyInFull(objectId) {
  return element("span", {}, isYou(objectId) ? `${you()} ` : "", copyable(objectId));
}

/**
 * Show a principal.
 * @param {Principal | undefined} principal
 */
export function person(principal) {
  if (!principal) return null;
  return element("span", {}, isYou(principal.objectId) ? "" : `${principal.kind} `, somebody(principal.objectId));
}

/**
 * Show who asked: an application may say for whom, which is its word alone.
 * @param {Principal} requester
 * @param {string | undefined} requestedBy
 */
export function requesterOf(requester, requestedBy) {
  if (!requestedBy) return person(requester);
  const kind = isYou(requestedBy) ? "" : "person ";
  return element("span", {}, person(requester), ` says: for ${kind}`, somebody(requestedBy));
}
