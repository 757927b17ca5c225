// Job specs as values: read, changed and described by JSON pointers, the names that the API's answers use too.
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
export const METRICS = { binary: ["roc_auc", "accuracy", "f1", "precision", "recall", "mcc", "log_loss", "fpr", "fnr"], regression: ["r2", "rmse", "mae", "mape"] };
export const ALL_METRICS = [...METRICS.binary, ...METRICS.regression];

const parts = (pointer) => pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
export const escapePart = (part) => String(part).replaceAll("~", "~0").replaceAll("/", "~1");

export function read(value, pointer) {
  return parts(pointer).reduce((at, part) => (at === null || at === undefined ? undefined : at[part]), value);
}

/** A copy with another value at the pointer; undefined takes the field away, and then the service's default holds. */
export function write(value, pointer, wanted) {
  const [first, ...rest] = parts(pointer);
  const copy = Array.isArray(value) ? [...value] : { ...value };
  if (rest.length) copy[first] = write(copy[first] ?? {}, `/${rest.map(escapePart).join("/")}`, wanted);
  else if (wanted === undefined) delete copy[first];
  else copy[first] = wanted;
  return copy;
}

/** Is `pointer` this field, or something within it? */
export const isWithin = (pointer, field) => pointer === field || pointer.startsWith(`${field}/`);

/** A spec of this type with what another one, or the address of the page, says already. */
export function firstSpec(jobType, known) {
  const common = { job_type: jobType, ...(known.dataset_id && { dataset_id: Number(known.dataset_id) }) };
  const model = known.model_id ? { model_id: Number(known.model_id) } : {};
  const training = { ...(known.dataset_id && { dataset_id: Number(known.dataset_id) }), model_type: "lightgbm", ...(known.target && { target: { column: known.target } }) };
  if (jobType === "TRAIN") return { job_type: "TRAIN", model_name: "", ...training };
  if (jobType === "TUNE") return { job_type: "TUNE", model_name: "", train: { ...training }, search: {}, metric: "" };
  if (jobType === "COMPARE") return { ...common, model_ids: known.model_ids ?? (known.model_id ? [Number(known.model_id)] : []), metric: "" };
  return { ...common, ...model };
}

/** What a spec says that another type of job needs too. */
export function knownOf(spec) {
  const training = spec.train ?? spec;
  return { dataset_id: training.dataset_id, target: training.target?.column, model_id: spec.model_id ?? spec.model_ids?.[0], model_ids: spec.model_ids };
}

/** Is enough there that a check by the service says more than "field required"? */
export function isComplete(spec) {
  const training = spec.train ?? spec;
  if (["TRAIN", "TUNE"].includes(spec.job_type)) {
    const hasSearch = spec.job_type === "TRAIN" || (Object.keys(spec.search ?? {}).length > 0 && spec.metric);
    return Boolean(training.dataset_id && training.target?.column && spec.model_name && hasSearch);
  }
  if (spec.job_type === "COMPARE") return Boolean(spec.dataset_id && spec.model_ids?.length > 1 && spec.metric);
  return Boolean((spec.model_id || spec.model) && (spec.dataset_id || spec.rows));
}

/** The JSON Schema of a field of a spec, from the service's OpenAPI document; {} where it has none. */
export function schemaOf(document, spec, pointer) {
  const named = document?.components.schemas;
  const mapping = named?.JobRequest?.discriminator?.mapping ?? {};
  let schema = { $ref: mapping[spec.job_type] };
  let value = spec;
  for (const part of parts(pointer)) {
    schema = resolve(named, schema, value)?.properties?.[part];
    value = value?.[part];
  }
  return { ...resolve(named, schema, value), ...(schema && "default" in schema ? { default: schema.default } : {}) };
}

function resolve(named, schema, value) {
  if (!schema) return {};
  if (schema.$ref) return resolve(named, named?.[schema.$ref.split("/").at(-1)], value);
  const variants = (schema.anyOf ?? schema.oneOf)?.filter((one) => one.type !== "null");
  if (!variants) return schema;
  const resolved = variants.map((one) => resolve(named, one, value));
  const same = resolved.find((one) => one.properties?.method && one.properties.method.const === value?.method);
  return { ...(same ?? resolved[0]), description: schema.description ?? resolved[0]?.description };
}

/** The methods of validation that this service knows: {method: {field: schema}}. */
export function validationMethods(document) {
  const named = document?.components.schemas;
  const found = named?.TrainSpec?.properties.validation.oneOf ?? [];
  return Object.fromEntries(
    found.map((one) => {
      const { method, ...fields } = resolve(named, one).properties;
      return [method.const, Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, { ...resolve(named, schema), default: schema.default }]))];
    }),
  );
}

/** The job types that may be submitted, in the order in which people need them. */
export function jobTypes(document) {
  const known = Object.keys(document?.components.schemas.JobRequest?.discriminator.mapping ?? {});
  const order = ["TRAIN", "TEST", "COMPARE", "PREDICT", "TUNE", "EXPLAIN"];
  return [...order, ...known.filter((type) => !order.includes(type))];
}
