import type { PanelProps } from '@grafana/data';
import { Table } from '@grafana/ui';
import { Nothing } from './nothing';

export function TablePanel(props: PanelProps<any>) {
  const [frame] = props.data.series;
  if (!frame?.length) {
    return <Nothing fieldConfig={props.fieldConfig} />;
  }
  const { sortBy, showHeader } = props.options;
  return (
    <Table
      data={frame} width={props.width} height={props.height} initialSortBy={sortBy} noHeader={showHeader === false}
      columnMinWidth={80}
    />
  );
}
