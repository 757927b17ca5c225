// Starts the console: the frame around every page, and which page belongs to which address.
import { html, render, useEffect, useRef, useState } from "./core/html.js";
import { connection, key, session, signIn } from "./core/api.js";
import { startChanges } from "./core/changes.js";
import { focusHeading, keepFocus } from "./core/focus.js";
import { go, Link, matchRoute, useAddress } from "./core/route.js";
import { LANGUAGES, language, setLanguage, t, useLanguage } from "./core/text.js";
import { ROUTES } from "./pages/routes.js";
import { SIGN_IN, SignIn } from "./pages/sign-in.js";

const NAVIGATION = ["", "jobs", "datasets", "models", "predictions", "studies", "fleet", "access"];
const THEME = "ml-training-theme";

function Console() {
  useLanguage();
  const address = useAddress();
  const [needsKey, setNeedsKey] = useState(false);
  const [isConnected, setConnected] = useState(connection.isConnected);
  const [signedIn, setSignedIn] = useState(0);
  useEffect(() => signIn.listen(setNeedsKey), []);
  useEffect(() => connection.listen(setConnected), []);
  const [person, setPerson] = useState(null);
  useEffect(() => {
    session.show().then((found) => setPerson(found.person), () => setPerson(null));
  }, [signedIn, needsKey]);
  const signOut = async () => {
    if (person) await session.end();
    key.clear();
    setPerson(null);
    setNeedsKey(true);
  };
  const [Page, parameters] = matchRoute(ROUTES, address.path);
  const shown = useRef(address.path);
  useEffect(() => {
    if (shown.current !== address.path) focusHeading();
    shown.current = address.path;
  }, [address.path]);
  const isSignIn = address.path === SIGN_IN;
  const done = () => {
    if (isSignIn) go("/");
    setNeedsKey(false);
    setSignedIn(signedIn + 1);
  };
  return html`
    <a class="skip" href="#content">${t("skip")}</a>
    <${Bar} path=${address.path} person=${person} onSignOut=${signOut} />
    ${!isConnected && html`<div class="lost" role="alert">${t("connection.lost")}</div>`}
    <main id="content" key=${signedIn}>
      ${needsKey || isSignIn ? html`<${SignIn} onDone=${done} trouble=${isSignIn ? address.query.trouble : ""} />` : Page ? html`<${Page} key=${address.path} query=${address.query} address=${address.path} ...${parameters} />` : html`<${NotFound} />`}
    </main>`;
}

function Bar({ path, person, onSignOut }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path]);
  const isCurrent = (name) => (name ? path.startsWith(`/${name}`) : path === "/");
  return html`<header class="bar">
    <${Link} to="/" class="brand"><img src="/console/icon.svg" alt="" width="24" height="24" /> ML Training<//>
    <button class="menu" aria-expanded=${open} aria-controls="navigation" onClick=${() => setOpen(!open)}>${t("menu")}</button>
    <nav id="navigation" class=${open ? "open" : ""} aria-label=${t("menu")}>
      ${NAVIGATION.map((name) => html`<${Link} key=${name} to=${`/${name}`} aria-current=${isCurrent(name) ? "page" : undefined}>${t(`nav.${name || "overview"}`)}<//>`)}
    </nav>
    <span class="settings">
      <${Link} to="/jobs/new" class="button primary">${t("nav.new_job")}<//>
      <select aria-label=${t("language")} onChange=${(event) => setLanguage(event.target.value)}>${Object.entries(LANGUAGES).map(([name, label]) => html`<option value=${name} selected=${name === language()}>${label}</option>`)}</select>
      <button class="quiet" onClick=${switchTheme} aria-label=${t("theme")} title=${t("theme")}>◐</button>
      ${person && html`<span class="quiet">${person.name}</span>`}
      ${(key.get() || person) && html`<button class="quiet" onClick=${onSignOut}>${t("sign_out")}</button>`}
    </span>
  </header>`;
}

const NotFound = () => html`<h1 tabindex="-1">${t("not_found")}</h1><p><${Link} to="/">${t("nav.overview")}<//></p>`;

// Light and dark follow the system until the user says otherwise.
function switchTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const current = document.documentElement.dataset.theme || (dark ? "dark" : "light");
  localStorage.setItem(THEME, current === "dark" ? "light" : "dark");
  applyTheme();
}

function applyTheme() {
  const stored = localStorage.getItem(THEME);
  if (stored) document.documentElement.dataset.theme = stored;
}

applyTheme();
startChanges();
keepFocus(document.getElementById("console"));
render(html`<${Console} />`, document.getElementById("console"));
