// How to use a model in Python: with the client, as a downloaded file, or with the plain library alone.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Copyable, Facts } from "../parts/basics.js";

export function UseInPython({ model, onDownload }) {
  return html`<${Facts} items=${[[t("use.file"), `${model.name}.zip, ${format.bytes(model.artifact_bytes)}`], ["SHA-256", model.artifact_sha256]]} />
    <p><${Action} kind="primary" onClick=${onDownload}>${t("use.download")}<//></p>
    <h2>${t("use.client")}</h2><p class="quiet">${t("use.client_hint")}</p><${Copyable} label=${t("use.client")} text=${clientCode(model)} />
    <h2>${t("use.artifact")}</h2><p class="quiet">${t("use.artifact_hint")}</p><${Copyable} label=${t("use.artifact")} text=${artifactCode(model)} />
    <h2>${t("use.plain")}</h2><p class="quiet">${t(hasWindows(model) ? "use.windows" : "use.plain_hint")}</p>${!hasWindows(model) && html`<${Copyable} label=${t("use.plain")} text=${plainCode(model)} />`}`;
}

const features = (model) => model.details.features ?? [];
const hasWindows = (model) => features(model).some((feature) => feature.window);
const categories = (model) => features(model).filter((feature) => feature.kind === "category").map((feature) => feature.name);
const isClasses = (model) => model.task !== "regression";
const text = (value) => JSON.stringify(value); // also how Python writes a text or a list of texts

function clientCode(model) {
  return `import pandas
from ml_training.client import Client

client = Client(${text(location.origin)})  # api_key="mlt_..." where the service asks for one
model = client.models.get(${model.id})${model.aliases.length ? `  # or client.models.get(${text(`${model.name}@${model.aliases[0]}`)})` : ""}
local = model.load()  # downloads it once
rows = pandas.read_csv("rows.csv")
rows["prediction"] = local.predict(rows)${isClasses(model) && model.model_type !== "ridge" ? "\nchances = local.predict_proba(rows)  # a column for each of local.classes" : ""}
`;
}

function artifactCode(model) {
  return `import pandas
from ml_training.client import load_model

model = load_model(${text(`${model.name}.zip`)}, sha256=${text(model.artifact_sha256)})
rows = pandas.read_csv("rows.csv")
rows["prediction"] = model.predict(rows)
`;
}

function plainCode(model) {
  const code = { "lightgbm-text": boosterCode, "xgboost-ubj": xgboostCode }[model.details.artifact_format] ?? pipelineCode;
  return code(model);
}

const UNSPEAKABLE = /[\s[\]{}":,=]/; // characters that the text of LightGBM cannot hold in a name

function boosterCode(model) {
  const isPlain = features(model).every((feature) => !UNSPEAKABLE.test(feature.name));
  const checked = isPlain ? ", validate_features=True" : "";
  const texts = categories(model);
  const types = texts.length ? `.astype({${texts.map((name) => `${text(name)}: "category"`).join(", ")}})` : "";
  return `${isPlain ? "" : "import json\n"}import zipfile
import lightgbm
import pandas

archive = zipfile.ZipFile(${text(`${model.name}.zip`)})
booster = lightgbm.Booster(model_str=archive.read("model.txt").decode())
rows = pandas.read_csv("rows.csv")
${isPlain ? "" : 'features = json.loads(archive.read("manifest.json"))["schema"]["features"]  # in the order that the booster needs\n'}frame = rows[${isPlain ? "booster.feature_name()" : '[feature["name"] for feature in features]'}]${types}
${model.task === "binary" ? `chance = booster.predict(frame${checked})  # of ${text(String(model.details.classes?.at(-1)))}` : `answer = booster.predict(frame${checked})`}
`;
}

function xgboostCode(model) {
  return `${categories(model).length ? "import json\n" : ""}import zipfile
import pandas
import xgboost

archive = zipfile.ZipFile(${text(`${model.name}.zip`)})
booster = xgboost.Booster(model_file=bytearray(archive.read("model.ubj")))
rows = pandas.read_csv("rows.csv")
${categories(model).length ? `for feature in json.loads(archive.read("manifest.json"))["schema"]["features"]:
    if feature["kind"] == "category":
        codes = {text: code for code, text in enumerate(feature["categories"])}
        rows[feature["name"] + ":code"] = rows[feature["name"]].map(codes)
` : ""}table = xgboost.DMatrix(rows[booster.feature_names], feature_types=booster.feature_types, enable_categorical=True)
${model.task === "binary" ? `chance = booster.predict(table)  # of ${text(String(model.details.classes?.at(-1)))}` : "answer = booster.predict(table)"}
`;
}

function pipelineCode(model) {
  return `import zipfile
import pandas
import skops.io

payload = zipfile.ZipFile(${text(`${model.name}.zip`)}).read("model.skops")
print(skops.io.get_untrusted_types(data=payload))  # look at the list before you trust it
pipeline = skops.io.loads(payload, trusted=["numpy.dtype", "sklearn.tree._tree.Tree"])  # those that you trust
rows = pandas.read_csv("rows.csv")${categories(model).length ? "  # categories that the model does not know must be missing values" : ""}
prediction = pipeline.predict(rows)
`;
}
