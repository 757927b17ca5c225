// Curves that have their own x values, for one Chart with common ones.

/** curves: [{label, x, y, ...}] -> {x, lines}: all x values in order, and of each curve null where it has no value. */
export function mergeLines(curves) {
  const points = curves.flatMap((curve, number) => curve.x.map((x, index) => ({ x, y: curve.y[index], number, index })));
  points.sort((one, other) => one.x - other.x || one.number - other.number || one.index - other.index);
  const lines = curves.map(({ x, y, ...line }, number) => ({ ...line, values: points.map((point) => (point.number === number ? point.y : null)) }));
  return { x: points.map((point) => point.x), lines };
}

/** Both axes of a curve, with rising x. */
export function rising(x, y) {
  return x.length > 1 && x[0] > x.at(-1) ? { x: x.toReversed(), y: y.toReversed() } : { x, y };
}
