// By title of a graph: how many coloured pixels its lines have. 0 beside data is a blank picture.
export const drawnIn = new Map<string, number>();
