// Every word that a user reads stands in text/en.js and text/de.js, under the same keys.
import en from "../text/en.js";
import de from "../text/de.js";
import { useEffect, useState } from "./html.js";

const TEXTS = { en, de };
const STORED = "ml-training-language";
const CHANGED = "console:language";

export const LANGUAGES = { en: "English", de: "Deutsch" };

export function language() {
  const stored = localStorage.getItem(STORED);
  if (stored in TEXTS) return stored;
  const wished = (navigator.languages || [navigator.language]).map((tag) => tag.slice(0, 2)).find((tag) => tag in TEXTS);
  return wished || "en";
}

export function setLanguage(name) {
  localStorage.setItem(STORED, name);
  document.documentElement.lang = name;
  dispatchEvent(new Event(CHANGED));
}

/** The text of a key; `{name}` in it becomes the value. A key that is missing shows itself: the tests look for that. */
export function t(name, values = {}) {
  const text = TEXTS[language()][name] ?? TEXTS.en[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, value) => (value in values ? String(values[value]) : whole));
}

/** The text of a key that may be missing, since the service can know more names than these pages. */
export function words(name, otherwise) {
  const text = t(name);
  return text === name ? otherwise : text;
}

/** Draws the component anew when the language changes. */
export function useLanguage() {
  const [name, setName] = useState(language);
  useEffect(() => {
    document.documentElement.lang = name;
    const read = () => setName(language());
    addEventListener(CHANGED, read);
    return () => removeEventListener(CHANGED, read);
  }, [name]);
  return name;
}
