// The standard options of every field. Their editors, which nobody opens here, come with a Grafana server only.
import { identityOverrideProcessor, type FieldConfigPropertyItem } from '@grafana/data';

const NAMES = [
  'unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'thresholds', 'mappings', 'links', 'description',
  'filterable',
];

export function item(id: string, isCustom: boolean): FieldConfigPropertyItem {
  const nothing = () => null;
  return {
    id: isCustom ? `custom.${id}` : id, path: id, name: id, isCustom, editor: nothing as never,
    override: nothing as never, process: identityOverrideProcessor, shouldApply: () => true, settings: {},
  };
}

export function getAllStandardFieldConfigs(): FieldConfigPropertyItem[] {
  return NAMES.map((name) => item(name, false));
}
