import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

/** A text to copy. */
export function CopyText({ title, text }: { readonly title: string; readonly text: string }): VNode {
  const [copied, setCopied] = useState('');
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setCopied('copied'),
      () => setCopied('the browser does not let it be copied'),
    );
  };
  return (
    <figure class="copy">
      <figcaption>
        <strong>{title}</strong>
        <button type="button" aria-label={`Copy: ${title}`} onClick={copy}>
          Copy
        </button>
        <span role="status" class="quiet">
          {copied}
        </span>
      </figcaption>
      <pre>{text}</pre>
    </figure>
  );
}
