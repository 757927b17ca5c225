// Filters that a user keeps under a name, for each list: in the storage of this browser, and nowhere else.
import { useEffect, useState } from "./html.js";

const STORED = "ml-training-filters";
export const MOST_SAVED = 20;
export const LONGEST_SAVED_NAME = 40;

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return found !== null && typeof found === "object" ? found : {};
  } catch {
    return {}; // somebody else has written it
  }
}

function write(address, filters) {
  localStorage.setItem(STORED, JSON.stringify({ ...read(), [address]: filters }));
}

const isSaved = (one) => typeof one?.name === "string" && one.query !== null && typeof one.query === "object";

/** [the saved filters of a list: [{name, query}], save(name, query), remove(name)] */
export function useSaved(address) {
  const [all, setAll] = useState(read);
  useEffect(() => {
    const again = () => setAll(read()); // another tab has saved one
    addEventListener("storage", again);
    return () => removeEventListener("storage", again);
  }, []);
  const of = (stored) => (Array.isArray(stored[address]) ? stored[address].filter(isSaved).slice(0, MOST_SAVED) : []);
  const change = (next) => {
    write(address, next(of(read())));
    setAll(read());
  };
  const without = (name) => (filters) => filters.filter((one) => one.name !== name);
  return [
    of(all),
    (name, query) => change((filters) => [...without(name)(filters), { name, query }].slice(-MOST_SAVED)),
    (name) => change(without(name)),
  ];
}
