/** Which operations are looked at just now: nobody need be told of their end. */

const shown = new Map<string, number>();

/** Says that one is shown until the returned function is called. */
export function watch(id: string): () => void {
  shown.set(id, (shown.get(id) ?? 0) + 1);
  return () => {
    const left = (shown.get(id) ?? 1) - 1;
    if (left > 0) shown.set(id, left);
    else shown.delete(id);
  };
}

export function isWatched(id: string): boolean {
  return shown.has(id) && document.visibilityState === 'visible';
}
