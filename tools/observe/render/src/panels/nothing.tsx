// What Grafana writes into a panel without data.
import { useTheme2 } from '@grafana/ui';
import type { FieldConfigSource } from '@grafana/data';

export function Nothing({ fieldConfig }: { fieldConfig: FieldConfigSource }) {
  const theme = useTheme2();
  const place = { display: 'flex', height: '100%', alignItems: 'center', justifyContent: 'center' };
  return (
    <div className="no-value" style={{ ...place, color: theme.colors.text.secondary, fontSize: 20 }}>
      {fieldConfig.defaults.noValue ?? 'No data'}
    </div>
  );
}
