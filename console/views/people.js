// Who asked, who decided.

import { code, element } from "../dom.js";

/**
 * Show a principal: Entra's object id is all that the API knows of it.
 * @param {Principal | undefined} principal
 */
export function person(principal) {
  return principal ? element("span", {}, `${principal.kind} `, code(principal.objectId)) : null;
}

/**
 * Show who asked: an application may say for whom, which is its word alone.
 * @param {Principal} requester
 * @param {string | undefined} requestedBy
 */
export function requesterOf(requester, requestedBy) {
  if (!requestedBy) return person(requester);
  return element("span", {}, person(requester), ", which says for person ", code(requestedBy));
}
