// Addresses: every view has one, and the browser's Back works. `/console/jobs/7?tab=log`
import { html, useEffect, useState } from "./html.js";

export const BASE = "/console";
const CHANGED = "console:address";

/** The address as {path: "/jobs/7", query: {tab: "log"}}. */
export function readAddress() {
  const path = decodeURI(location.pathname).replace(BASE, "").replace(/\/$/, "") || "/";
  return { path, query: Object.fromEntries(new URLSearchParams(location.search)) };
}

export function go(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", BASE + path);
  dispatchEvent(new Event(CHANGED));
  if (!replace) scrollTo(0, 0);
}

export function useAddress() {
  const [address, setAddress] = useState(readAddress);
  useEffect(() => {
    const read = () => setAddress(readAddress());
    addEventListener("popstate", read);
    addEventListener(CHANGED, read);
    return () => {
      removeEventListener("popstate", read);
      removeEventListener(CHANGED, read);
    };
  }, []);
  return address;
}

/** A link within the console; a click with a modifier opens a tab, as everywhere. */
export function Link({ to, children, ...rest }) {
  const follow = (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return html`<a href=${BASE + to} onClick=${follow} ...${rest}>${children}</a>`;
}

/** The first route that fits: [Page, {name: value}]. A route is written like "/jobs/:id". */
export function matchRoute(routes, path) {
  for (const [pattern, Page] of routes) {
    const names = [];
    const source = pattern.replace(/:(\w+)/g, (_, name) => (names.push(name), "([^/]+)"));
    const found = new RegExp(`^${source}$`).exec(path);
    if (found) return [Page, Object.fromEntries(names.map((name, index) => [name, found[index + 1]]))];
  }
  return [null, {}];
}
