// English. One file for each area of the console; text/de.js has the same.
import access from "./en/access.js";
import common from "./en/common.js";
import data from "./en/data.js";
import drift from "./en/drift.js";
import form from "./en/form.js";
import jobs from "./en/jobs.js";
import models from "./en/models.js";
import results from "./en/results.js";
import studies from "./en/studies.js";

export default { ...common, ...jobs, ...access, ...form, ...data, ...drift, ...models, ...results, ...studies };
