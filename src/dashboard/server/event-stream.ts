/** One message of a `text/event-stream`. */
export interface StreamEvent {
  /** @default `message` */
  readonly event: string;
  readonly data: string;
}

/** Messages of a stream of server-sent events (WHATWG HTML, 9.2.6). `EventSource` cannot send the header that proves who we are. */
export async function* readEvents(chunks: AsyncIterable<string>): AsyncGenerator<StreamEvent, void, void> {
  let rest = '';
  let event = '';
  let data: string[] = [];
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.map(each => each.replace(/\r$/, ''))) {
      if (line === '') {
        if (data.length > 0) yield { event: event || 'message', data: data.join('\n') };
        event = '';
        data = [];
        continue;
      }
      // A line that begins with a colon is a sign of life.
      const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === 'event') event = value;
      else if (field === 'data') data.push(value);
    }
  }
}
