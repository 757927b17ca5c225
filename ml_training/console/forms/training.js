// The fields of a TRAIN spec; a TUNE spec has the same ones below /train.
import { html } from "../core/html.js";
import { t, words } from "../core/text.js";
import { SelectField } from "../parts/fields.js";
import { CheckAt, More, NumberAt, NumbersAt, Place, SelectAt, TextAt, problemAt } from "./bound.js";
import { Parameters } from "./params.js";
import { PickColumn, PickDataset, PickSeveral } from "./pick.js";
import { Rows } from "./rows.js";
import { validationMethods } from "./spec.js";
import { Target, TargetKind } from "./target.js";

export const TRAINING_PLACES = ["/dataset_id", "/target", "/model_type", "/task", "/features", "/exclude_features", "/phases", "/train_start", "/train_end", "/validation", "/class_balance", "/calibration", "/early_stopping_rounds", "/feature_engineering", "/params", "/random_state", "/leakage", "/keep_out_of_fold", "/reuse", "/engine"];

/** The simple things, which are all that most models need. */
export function TrainingBasics({ form }) {
  const types = form.modelTypes;
  const chosen = types.find((one) => one.model_type === form.read("/model_type"));
  return html`<${Place} form=${form} at="/dataset_id"><${PickDataset} label=${t("field.dataset_id")} problem=${problemAt(form, "/dataset_id")} value=${form.read("/dataset_id")} current=${form.dataset} onChange=${(id) => form.set("/dataset_id", id)} /><//>
    <${Target} form=${form} />
    <${Place} form=${form} at="/model_type"><${SelectField} label=${t("field.model_type")} hint=${chosen && words(`model_type.${chosen.model_type}`, chosen.description)} problem=${problemAt(form, "/model_type")} value=${form.read("/model_type")}
      options=${types.map((one) => [one.model_type, one.model_type])} onChange=${form.changeModelType} /><//>`;
}

export function TrainingMore({ form, isStudy }) {
  const type = form.modelTypes.find((one) => one.model_type === form.read("/model_type"));
  return html`
    <${More} form=${form} title=${t("form.target_more")} places=${["/task", "/target/operator", "/target/value", "/target/horizon", "/target/min_percent_change", "/target/direction"]}><${TargetKind} form=${form} /><//>
    <${Features} form=${form} />
    <${Rows} form=${form} start="/train_start" end="/train_end" />
    <${Validation} form=${form} />
    <${More} form=${form} title=${t("form.training")} places=${["/class_balance", "/calibration", "/early_stopping_rounds", "/feature_engineering"]}>
      <${SelectAt} form=${form} at="/class_balance" options=${[["", t("balance.none")], ["weights", t("balance.weights")], ["smote", t("balance.smote")]]} />
      <${SelectAt} form=${form} at="/calibration" options=${[["", t("calibrate.none")], ["sigmoid", t("calibrate.sigmoid")], ["isotonic", t("calibrate.isotonic")]]} />
      ${(!type || type.early_stopping || form.read("/early_stopping_rounds")) && html`<${NumberAt} form=${form} at="/early_stopping_rounds" />`}
      <${NumbersAt} form=${form} at="/feature_engineering/windows" onChange=${(windows) => form.set("/feature_engineering", windows && { windows })} /><//>
    <${More} form=${form} title=${t("form.params", { type: type?.model_type ?? "" })} places=${["/params"]}><${Parameters} form=${form} /><//>
    <${More} form=${form} title=${t("form.care")} places=${["/random_state", "/leakage", "/keep_out_of_fold", "/reuse", "/engine"]}>
      <${NumberAt} form=${form} at="/random_state" />
      <${CheckAt} form=${form} at="/leakage" on="refuse" /><${CheckAt} form=${form} at="/keep_out_of_fold" /><${CheckAt} form=${form} at="/reuse" />
      ${!isStudy && html`<${CheckAt} form=${form} at="/engine" on="dask" />`}<//>`;
}

function Features({ form }) {
  const features = form.read("/features");
  const isList = Array.isArray(features);
  const { dataset } = form;
  const target = form.read("/target/column");
  const columns = (dataset?.profile?.columns ?? []).filter((one) => one.name !== target && ![dataset.time_column, dataset.group_column].includes(one.name));
  const choose = (kind) => form.set("/features", kind === "list" ? [] : undefined);
  return html`<${More} form=${form} title=${t("form.features")} places=${["/features", "/exclude_features"]}>
    <${Place} form=${form} at="/features"><${SelectField} label=${t("field.features")} hint=${t("hint.features")} problem=${isList ? undefined : problemAt(form, "/features")} value=${isList ? "list" : "auto"} options=${[["auto", t("form.features_auto")], ["list", t("form.features_list")]]} onChange=${choose} />
      ${isList && html`<${PickSeveral} label=${t("form.feature")} problem=${problemAt(form, "/features")} values=${features} columns=${columns} onChange=${(values) => form.set("/features", values)} />`}<//>
    ${!isList && html`<${Place} form=${form} at="/exclude_features"><${PickSeveral} label=${t("field.exclude_features")} hint=${t("hint.exclude_features")} problem=${problemAt(form, "/exclude_features")} values=${form.read("/exclude_features") ?? []} columns=${columns} onChange=${(values) => form.set("/exclude_features", values.length ? values : undefined)} /><//>`}<//>`;
}

/** The methods and their fields come from the service, so that a newer one is offered without a change here. */
function Validation({ form }) {
  const methods = validationMethods(form.document);
  const method = form.read("/validation/method") ?? "holdout";
  const fields = Object.entries(methods[method] ?? {});
  const choose = (name) => form.set("/validation", { method: name, ...(name === "cross_validation" && { splits: 5 }) });
  const set = (sub) => ({ ...sub, set: (at, value) => form.set("/validation", { method, ...form.read("/validation"), [at.split("/").at(-1)]: value }) });
  return html`<${More} form=${form} title=${t("form.validation")} places=${["/validation"]}>
    <${Place} form=${form} at="/validation/method"><${SelectField} label=${t("field.method")} hint=${words(`method_hint.${method}`, "")} problem=${problemAt(form, "/validation/method")} value=${method} options=${Object.keys(methods).map((one) => [one, words(`method.${one}`, one)])} onChange=${choose} /><//>
    ${fields.map(([name, schema]) =>
      name === "group_column" ? html`<${GroupColumn} key=${method + name} form=${set(form)} />` : schema.type === "string" ? html`<${TextAt} key=${method + name} form=${set(form)} at=${`/validation/${name}`} /> ` : html`<${NumberAt} key=${method + name} form=${set(form)} at=${`/validation/${name}`} schema=${schema} />`,
    )}<//>`;
}

/** Which rows stay together; without a choice those of the data set's group column. */
function GroupColumn({ form }) {
  const at = "/validation/group_column";
  const columns = (form.dataset?.profile?.columns ?? []).filter((one) => one.kind !== "text" && one.name !== form.read("/target/column"));
  const empty = form.dataset?.group_column ? t("form.group_of_dataset", { name: form.dataset.group_column }) : undefined;
  return html`<${Place} form=${form} at=${at}><${PickColumn} label=${t("field.group_column")} hint=${t("hint.group_column")} problem=${problemAt(form, at)} value=${form.read(at) ?? ""} columns=${columns} empty=${empty} onChange=${(name) => form.set(at, name)} /><//>`;
}
