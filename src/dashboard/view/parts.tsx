/** Small pieces that several pages have. */
import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { CallError } from '../server/call.ts';

/** How well something is. */
export type Health = 'good' | 'warn' | 'bad' | 'idle';

/** A word with the colour and sign of its health: never the colour alone. */
export function Badge({ health, children }: { readonly health: Health; readonly children: ComponentChildren }): VNode {
  const sign = { good: '✓', warn: '!', bad: '✕', idle: '·' }[health];
  return (
    <span class={`badge ${health}`}>
      <span aria-hidden="true">{sign}</span> {children}
    </span>
  );
}

/** What went wrong, where it did; what was shown before stays. */
export function Problem({ error }: { readonly error: CallError | null }): VNode | null {
  if (error === null) return null;
  return (
    <p class="problem" role="alert">
      <strong>{error.message}</strong>
      {error.hint === '' ? null : <span> – {error.hint}</span>}
    </p>
  );
}

/** Head of a page: its name, and what can be chosen on it. */
export function PageHead({ title, children }: { readonly title: string; readonly children?: ComponentChildren }): VNode {
  return (
    <header class="page-head">
      <h1 tabIndex={-1}>{title}</h1>
      <div class="tools">{children}</div>
    </header>
  );
}

/** A part of a page under a heading of its own. */
export function Section({ title, children }: { readonly title: string; readonly children: ComponentChildren }): VNode {
  return (
    <section class="card">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** One of several, as a row of buttons. */
export function Choice<T extends string>({
  label,
  options,
  value,
  onChange,
}: {
  readonly label: string;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}): VNode {
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map(([each, text]) => (
        <button key={each} type="button" aria-pressed={each === value} onClick={() => onChange(each)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}

/** A text to narrow something down by. */
export function Field({
  label,
  value,
  placeholder = '',
  list,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  /** What may be meant. */
  readonly list?: readonly string[];
  readonly onChange: (value: string) => void;
}): VNode {
  // What is being typed: pages are drawn anew every second or two, and would take it back.
  const [draft, setDraft] = useState<string | null>(null);
  const id = `field-${label.toLowerCase().replaceAll(/\W+/g, '-')}`;
  return (
    <label class="field" for={id}>
      <span>{label}</span>
      <input
        id={id}
        type="text"
        value={draft ?? value}
        placeholder={placeholder}
        spellcheck={false}
        autocomplete="off"
        {...(list && { list: `${id}-list` })}
        onInput={event => setDraft(event.currentTarget.value)}
        onBlur={() => setDraft(null)}
        onChange={event => {
          setDraft(null);
          onChange(event.currentTarget.value.trim());
        }}
      />
      {list && (
        <datalist id={`${id}-list`}>
          {list.map(each => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </label>
  );
}
