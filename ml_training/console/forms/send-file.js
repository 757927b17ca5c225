// Sends a file once: bytes that the service has are not sent again, and a broken upload is tried again by a click.
import { useRef, useState } from "../core/html.js";
import { Away, Problem, get, request, send, upload, withQuery } from "../core/api.js";
import { optionsOf } from "./reading.js";

const MOST_HASHED_BYTES = 200_000_000; // the browser needs the whole file in memory for it
const IDLE = { step: null, sent: 0, total: 0, problem: null, isCancelled: false };

/**
 * {state, start(file, fields), cancel(), forget()}; state: {step: null | "known" | "sending" | "reading", sent, total,
 * problem, isCancelled}. forget: another file was chosen, and what was said about the last one no longer matters.
 */
export function useSendFile(onDone) {
  const [state, setState] = useState(IDLE);
  const abort = useRef(null);
  const broken = useRef(null); // {file, asked, sha256, after} of an upload whose answer never came
  const start = async (file, fields) => {
    if (abort.current) return;
    const { signal } = (abort.current = new AbortController());
    const tell = (more) => setState((old) => ({ ...old, ...more }));
    setState({ ...IDLE, step: "known", total: file.size });
    try {
      const sha256 = broken.current?.file === file ? broken.current.sha256 : await hashOf(file);
      signal.throwIfAborted();
      const made = await madeBefore(broken.current, file, fields, signal);
      const known = made ?? (await asKnown(file, fields, sha256, signal));
      onDone(known ?? (await asForm(file, fields, { signal, tell, sha256, broken })));
    } catch (problem) {
      setState(problem.name === "AbortError" ? { ...IDLE, isCancelled: true } : { ...IDLE, problem });
    } finally {
      abort.current = null;
    }
  };
  return { state, start, cancel: () => abort.current?.abort(), forget: () => setState(IDLE) };
}

async function hashOf(file) {
  if (!globalThis.crypto?.subtle || file.size > MOST_HASHED_BYTES) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The data set that an upload has made although its answer never came: then there is nothing to send, nor to make. */
async function madeBefore(broken, file, fields, signal) {
  if (broken?.file !== file || broken.asked !== JSON.stringify(fields)) return null;
  const { items } = await get(withQuery("/datasets", { name: fields.name, limit: 1 }), { signal });
  const [newest] = items;
  const isSame = newest && newest.id > broken.after && newest.bytes === file.size;
  return isSame && (broken.sha256 === null || newest.sha256 === broken.sha256) ? newest : null;
}

/** The data set over bytes that are stored already, else null. */
async function asKnown(file, fields, sha256, signal) {
  if (sha256 === null) return null;
  try {
    await request("GET", `/datasets/sha256/${sha256}`, { signal });
    return await send("POST", "/datasets", { ...optionsOf(fields, { asJson: true }), sha256, file_name: file.name }, { signal });
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 404) return null;
    throw problem;
  }
}

async function asForm(file, fields, { signal, tell, sha256, broken }) {
  const { items } = await get("/datasets?limit=1", { signal });
  const form = new FormData();
  for (const [name, value] of Object.entries(optionsOf(fields, { asJson: false }))) form.append(name, Array.isArray(value) ? value.join(",") : value);
  form.append("file", file);
  tell({ step: "sending" });
  try {
    return await upload("/datasets", form, { signal, onProgress: (sent, total) => tell({ sent, total, step: sent < total ? "sending" : "reading" }) });
  } catch (problem) {
    if (problem instanceof Away) broken.current = { file, asked: JSON.stringify(fields), sha256, after: items[0]?.id ?? 0 };
    throw problem;
  }
}
