// The offline copy of a security domain: how to get the file, how to check it, and what to do with it.

import { element, section } from "../dom.js";
import { command } from "./copying.js";
import { box, digest, line } from "./paper.js";
import { nothing } from "./problem.js";

const FILE = "security-domain.json";
// What is not made of these characters goes into no command: people paste it into a shell.
const BLOB = /^https:\/\/([a-z0-9]{3,24})\.blob\.[a-z0-9.-]+\/([a-z0-9-]{3,63})\/([A-Za-z0-9][A-Za-z0-9._/-]*)$/;

/** @param {Receipt} receipt */
export function offlineCopy({ blobUrl, sha256 }) {
  return section("The offline copy",
    element("p", {}, "The stored file is one copy, in one account of one cloud. Make a copy that is on no network, and "
      + "keep it apart from the keys. It is encrypted; it is of use with a quorum of keys only."),
    element("h3", {}, "1. Get the file"),
    element("p", {}, "As somebody who may read the blob, from a network that its account lets in:"),
    download(blobUrl),
    element("h3", {}, "2. Check its hash"),
    element("div", { class: "hash-commands" },
      checksum("Linux", `sha256sum ${FILE}`),
      checksum("Windows, cmd", `certutil -hashfile ${FILE} SHA256`),
      checksum("PowerShell", `Get-FileHash ${FILE} -Algorithm SHA256`)),
    element("p", {}, "One reads aloud what the command shows, the other follows here. Capitals do not matter; if anything "
      + "else differs, do not keep the copy, and tell the operators."),
    element("p", { class: "aloud" }, digest(sha256)),
    element("h3", {}, "3. Seal it"),
    element("div", { class: "seal" },
      element("div", {},
        box("The copy is made."),
        box("Two people compared the hash aloud."),
        box("The medium is sealed."),
        box("No other copy is left on the machine.")),
      element("div", {},
        line("Medium and number of its seal"),
        line("Place where it is kept"))));
}

/** @param {string} blobUrl */
function download(blobUrl) {
  const [, account, container, name] = BLOB.exec(blobUrl) ?? [];
  if (!name) return nothing("The record's address of the file is none that a command can be made of.");
  return command("download", "az storage blob download --auth-mode login "
    + `--account-name ${account} --container-name ${container} --name ${name} --file ${FILE}`);
}

/**
 * @param {string} system
 * @param {string} text
 */
function checksum(system, text) {
  return element("p", {}, `${system}: `, element("code", {}, text));
}
