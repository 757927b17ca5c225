// Calls of the public API. Nothing else in the console sends a request.
const ROOT = "/api/v1";
const KEY = "ml-training-key";

/** An answer that is not the wanted one: `status`, `title`, `detail` and `errors` as in RFC 9457. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.title = body.title || `HTTP ${status}`;
    this.detail = body.detail || "";
    this.errors = body.errors || [];
    this.requestId = body.request_id || "";
  }
}

/** No answer came: the service or the network is away. */
export class Away extends Error {}

// The key stays in this tab unless the user asked this browser to keep it.
export const key = {
  get: () => sessionStorage.getItem(KEY) || localStorage.getItem(KEY) || "",
  set(value, { keep }) {
    this.clear();
    (keep ? localStorage : sessionStorage).setItem(KEY, value);
  },
  clear() {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  },
};

export function headers(more = {}) {
  const value = key.get();
  return value ? { Authorization: `Bearer ${value}`, ...more } : more;
}

/** Sends a request and returns the Response; throws Problem or Away. `path` starts behind /api/v1. */
export async function request(method, path, { json, body, signal, headers: more = {} } = {}) {
  const sent = { method, signal, cache: "no-store", headers: headers(more) };
  if (json !== undefined) {
    sent.body = JSON.stringify(json);
    sent.headers["Content-Type"] = "application/json";
  } else if (body !== undefined) sent.body = body;
  let answer;
  try {
    answer = await fetch(ROOT + path, sent);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    connection.lost();
    throw new Away(error.message);
  }
  connection.found();
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401) signIn.wanted();
  throw new Problem(answer.status, problem);
}

export async function get(path, options) {
  return (await request("GET", path, options)).json();
}

export async function send(method, path, json, options = {}) {
  const answer = await request(method, path, { json, ...options });
  return answer.status === 204 ? null : answer.json();
}

/** The path with these query parameters; empty ones are left out. */
export function withQuery(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== "" && value !== null && value !== undefined) query.append(name, value);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** A new Idempotency-Key: one for each form, so that a second click is the same request. */
export function newRequestKey() {
  return `console-${crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint32Array(4))].join("-")}`;
}

/** Saves a file. A link could not send the key, and a page may not read a bucket, which is another origin. */
export async function download(path, name) {
  const answer = await request("GET", withQuery(path, { redirect: false }));
  saveFile(await answer.blob(), name);
}

export function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Who wants to know is told: the frame of the page shows "no connection" and the sign-in form.
function signal() {
  const listeners = new Set();
  return {
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tell: (value) => listeners.forEach((listener) => listener(value)),
  };
}

const connected = signal();
let isConnected = true;
export const connection = {
  listen: connected.listen,
  get isConnected() {
    return isConnected;
  },
  lost() {
    if (isConnected) connected.tell((isConnected = false));
  },
  found() {
    if (!isConnected) connected.tell((isConnected = true));
  },
};

// A person who signed in has a cookie that no script can read, so the service is asked who they are.
export const session = {
  show: () => get("/sign-in"),
  /** Where the button leads; the browser comes back to the address where it is now. */
  start() {
    const isTrouble = location.pathname.endsWith("/sign-in");
    return withQuery(`${ROOT}/sign-in/start`, { place: isTrouble ? "" : location.pathname + location.search });
  },
  async end() {
    try {
      await send("DELETE", "/sign-in");
    } catch (problem) {
      if (![401, 409].includes(problem.status)) throw problem; // the session had ended before
    }
  },
};

const wanted = signal();
export const signIn = { listen: wanted.listen, wanted: () => wanted.tell(true) };

let described = null;

/** The OpenAPI document of the service: which fields a spec has. Asked for once. */
export function openApi() {
  described ??= fetch("/openapi.json", { headers: headers() })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Problem(answer.status, {}))))
    .catch((problem) => {
      described = null;
      throw problem;
    });
  return described;
}

/**
 * Sends bytes of a file from `offset` on, and tells how many have gone: `fetch` cannot. Resolves to the byte that the
 * service wants next. Throws Problem, Away, or an AbortError.
 */
export function sendBytes(path, bytes, { offset, onProgress, signal: abort }) {
  return new Promise((resolve, reject) => {
    const sent = new XMLHttpRequest();
    sent.open("PATCH", ROOT + path);
    const given = headers({ "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) });
    for (const [name, value] of Object.entries(given)) sent.setRequestHeader(name, value);
    sent.upload.onprogress = (event) => onProgress(event.loaded);
    sent.onerror = () => (connection.lost(), reject(new Away("the upload broke off")));
    sent.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    sent.onload = () => {
      connection.found();
      const next = sent.getResponseHeader("Upload-Offset"); // with 409 too: another tab has sent some of it
      if (next !== null) return resolve(Number(next));
      if (sent.status === 401) signIn.wanted();
      reject(new Problem(sent.status, parsed(sent.responseText)));
    };
    abort?.addEventListener("abort", () => sent.abort());
    sent.send(bytes);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
