interface Node<T> {
  /** What leads here from the node above. */
  label: string;
  value: T | null;
  /** By the first character of their labels. */
  below: Map<number, Node<T>> | null;
}

/** Texts with values, found by a text that begins with them: what it costs depends on that text, not on how many there are. */
export class PrefixTrie<T> {
  readonly #root: Node<T> = { label: '', value: null, below: null };

  /** The value of exactly this prefix, made where there is none. */
  at(prefix: string, make: () => T): T {
    let node = this.#root;
    let rest = prefix;
    while (rest !== '') {
      node.below ??= new Map();
      const first = rest.charCodeAt(0);
      const child = node.below.get(first);
      if (child === undefined) {
        const leaf: Node<T> = { label: rest, value: null, below: null };
        node.below.set(first, leaf);
        node = leaf;
        break;
      }
      const common = commonLength(child.label, rest);
      if (common < child.label.length) {
        const upper: Node<T> = { label: rest.slice(0, common), value: null, below: new Map() };
        child.label = child.label.slice(common);
        upper.below?.set(child.label.charCodeAt(0), child);
        node.below.set(first, upper);
        node = upper;
      } else node = child;
      rest = rest.slice(common);
    }
    node.value ??= make();
    return node.value;
  }

  /** Collects the values of all prefixes of `text`, shortest first, into `found`. Returns their number. */
  find(text: string, found: T[]): number {
    let count = 0;
    let at = 0;
    let node: Node<T> | undefined = this.#root;
    while (node !== undefined && text.startsWith(node.label, at)) {
      at += node.label.length;
      if (node.value !== null) found[count++] = node.value;
      if (node.below === null || at >= text.length) break;
      node = node.below.get(text.charCodeAt(at));
    }
    return count;
  }
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}
