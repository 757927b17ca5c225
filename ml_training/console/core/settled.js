// A value once it has not changed for a while: not every letter that is typed is a request.
import { useEffect, useState } from "./html.js";

export function useSettled(value, milliseconds = 300) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
