// Where a security domain is stored, and by what its bytes are known; never the bytes.

import { code, element, facts } from "../dom.js";
import { time } from "../format.js";

const SIZE = new Intl.NumberFormat("en");

/** @param {Receipt} receipt */
export function receiptFacts(receipt) {
  return facts([
    ["Stored", time(receipt.storedAt)],
    ["Quorum", `${receipt.quorum} of ${receipt.thumbprints.length} shares`],
    ["Blob", code(receipt.blobUrl)],
    ["SHA-256", code(receipt.sha256)],
    ["Size", `${SIZE.format(receipt.size)} bytes`],
  ]);
}

/** Lead to what is printed and signed of it. @param {string} hsm */
export function toCeremony(hsm) {
  const address = `#/hsms/${encodeURIComponent(hsm)}/ceremony`;
  return element("p", {}, element("a", { href: address, id: "to-ceremony" }, "Ceremony sheet, to print and sign"));
}
