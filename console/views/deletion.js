// What a decommission does to an HSM: all that its approver should know.

import { code, element, facts, list, section } from "../dom.js";
import { count, day, time } from "../format.js";

/** @param {Deletion | undefined} deletion */
export function deletion(deletion) {
  if (!deletion) return null;
  const done = [deletion.deletes ? "deletes" : "is deleted already", deletion.purges ? "purges, for good" : null];
  return section("Deletion", facts([
    ["Does", done.filter(Boolean).join(", ")],
    ["May hold keys", deletion.wasActive ? "yes" : "no"],
    ["Used", deletion.usage ? use(deletion.usage) : null],
    ["Takes away", deletion.lock ? "the service's own lock" : null],
    ["Deletes after it", list(deletion.privateEndpoints.map(code))],
    ["Backs up to", code(deletion.backup?.container)],
    ["Backed up", fullBackup(deletion.backedUp)],
    ["Kept until", time(deletion.keptUntil)],
  ]));
}

/** @param {FullBackup | undefined} backup */
export function fullBackup(backup) {
  return backup ? code(`${backup.container}/${backup.folder}`) : null;
}

/** @param {NonNullable<Deletion["usage"]>} usage */
function use({ since, requests, lastUsedOn }) {
  if (requests === undefined) return "Azure does not say";
  return element("span", {}, `${count(requests, "request")} since `, day(since),
    lastUsedOn ? element("span", {}, ", the last on ", day(lastUsedOn)) : null);
}
