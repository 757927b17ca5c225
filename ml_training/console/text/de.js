// Deutsch. Dieselben Dateien und Schlüssel wie in text/en.js.
import access from "./de/access.js";
import common from "./de/common.js";
import data from "./de/data.js";
import drift from "./de/drift.js";
import form from "./de/form.js";
import jobs from "./de/jobs.js";
import models from "./de/models.js";
import results from "./de/results.js";
import studies from "./de/studies.js";

export default { ...common, ...jobs, ...access, ...form, ...data, ...drift, ...models, ...results, ...studies };
