// Sends a file once and in pieces: bytes that the service has are not sent again, and after a broken connection the rest
// is sent without a click.
import { useRef, useState } from "../core/html.js";
import { Away, Problem, get, request, send, sendBytes } from "../core/api.js";
import { optionsOf } from "./reading.js";

const PIECE_BYTES = 16 * 2 ** 20;
const MOST_HASHED_BYTES = 200_000_000; // the browser needs the whole file in memory for it
const PASSING = [429, 502, 503, 504];
const MOST_TRIES = 20; // without a byte that arrives
const LONGEST_PAUSE = 8_000; // ms
const IDLE = { step: null, sent: 0, total: 0, problem: null, isCancelled: false };

/**
 * {state, start(file, fields), cancel(), forget()}; state: {step: null | "known" | "sending" | "waiting" | "reading",
 * sent, total, problem, isCancelled}. forget: another file was chosen, and what was said about the last one no longer
 * matters.
 */
export function useSendFile(onDone) {
  const [state, setState] = useState(IDLE);
  const abort = useRef(null);
  const hashed = useRef({}); // {file, sha256} of the last one
  const start = async (file, fields) => {
    if (abort.current) return;
    const { signal } = (abort.current = new AbortController());
    const tell = (more) => setState((old) => ({ ...old, ...more }));
    setState({ ...IDLE, step: "known", total: file.size });
    try {
      if (hashed.current.file !== file) hashed.current = { file, sha256: await hashOf(file) };
      const { sha256 } = hashed.current;
      signal.throwIfAborted();
      onDone((await asKnown(file, fields, sha256, signal)) ?? (await inPieces(file, fields, { signal, tell, sha256 })));
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

/** The data set over bytes that are stored already, else null. */
async function asKnown(file, fields, sha256, signal) {
  if (sha256 === null) return null;
  try {
    await request("GET", `/datasets/sha256/${sha256}`, { signal });
    return await send("POST", "/datasets", { ...optionsOf(fields), sha256, file_name: file.name }, { signal });
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 404) return null;
    throw problem;
  }
}

/** The data set of the file. Asked for again after a lost answer, the service makes no second one. */
async function inPieces(file, fields, { signal, tell, sha256 }) {
  const { id } = await openUpload(file, sha256, signal);
  for (let tries = 0; ; tries++) {
    try {
      let { received_bytes: sent } = await get(`/uploads/${id}`, { signal });
      while (sent < file.size) {
        tell({ step: "sending", sent });
        const piece = file.slice(sent, sent + PIECE_BYTES);
        const onProgress = (more) => tell({ sent: sent + more });
        sent = await sendBytes(`/uploads/${id}`, piece, { offset: sent, signal, onProgress });
        tries = 0;
      }
      tell({ step: "reading", sent });
      const dataset = await send("POST", "/datasets", { ...optionsOf(fields), upload_id: id }, { signal });
      localStorage.removeItem(placeOf(file));
      return dataset;
    } catch (problem) {
      const isPassing = problem instanceof Away || PASSING.includes(problem.status);
      if (!isPassing || tries >= MOST_TRIES) throw problem;
      tell({ step: "waiting" });
      await pause(Math.min(500 * 2 ** tries, LONGEST_PAUSE), signal);
    }
  }
}

const placeOf = (file) => `ml-training-upload:${file.name}:${file.size}:${file.lastModified}`;

/** An upload of this file that broke off, or a new one. The service knows it by its SHA-256, else this browser does. */
async function openUpload(file, sha256, signal) {
  const found = sha256 === null ? await remembered(file, signal) : null;
  if (found) return found;
  const values = Object.entries({ filename: file.name, ...(sha256 && { sha256 }) });
  const headers = { "Upload-Length": String(file.size), "Upload-Metadata": values.map(([name, value]) => `${name} ${base64(value)}`).join(",") };
  const upload = await (await request("POST", "/uploads", { headers, signal })).json();
  if (sha256 === null) localStorage.setItem(placeOf(file), upload.id);
  return upload;
}

async function remembered(file, signal) {
  const id = Number(localStorage.getItem(placeOf(file)));
  if (!Number.isInteger(id) || id < 1) return null;
  try {
    const upload = await get(`/uploads/${id}`, { signal });
    return upload.dataset_id === null && upload.bytes === file.size && upload.file_name === file.name ? upload : null;
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 404) return null;
    throw problem;
  }
}

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(new DOMException("cancelled", "AbortError"))), { once: true });
  });
}
