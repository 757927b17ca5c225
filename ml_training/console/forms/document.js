// What the service's OpenAPI document says about it: pages offer what this version of the service can do.
import { useEffect, useState } from "../core/html.js";
import { connection, openApi } from "../core/api.js";

/** The document, or null while it is not there. */
export function useOpenApi() {
  const [document, setDocument] = useState(null);
  useEffect(() => {
    const load = () => openApi().then(setDocument, () => {});
    load();
    return connection.listen((isConnected) => isConnected && load());
  }, []);
  return document;
}
