import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportChoice } from '../../../src/daemon/observe/export-choice.ts';

const here = 'http://user:secret@collector:4318/base';

for (const [title, env, expected] of [
  ['nothing asked for', {}, 'none'],
  ['an endpoint is enough', { OTEL_EXPORTER_OTLP_ENDPOINT: here }, 'otlp http/protobuf collector:4318'],
  ['so is one for traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: here }, 'otlp http/protobuf collector:4318'],
  ['or the exporter, with the usual endpoint', { OTEL_TRACES_EXPORTER: 'otlp' }, 'otlp http/protobuf localhost:4318'],
  ['none wins', { OTEL_EXPORTER_OTLP_ENDPOINT: here, OTEL_TRACES_EXPORTER: 'none' }, 'none'],
  ['so does the switch for all', { OTEL_EXPORTER_OTLP_ENDPOINT: here, OTEL_SDK_DISABLED: 'TRUE' }, 'none'],
  ['console', { OTEL_TRACES_EXPORTER: 'console' }, 'console'],
  ['JSON', { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'otlp http/json localhost:4318'],
  [
    'the protocol of traces goes first',
    { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
    'otlp http/json localhost:4318',
  ],
  ['gRPC', { OTEL_EXPORTER_OTLP_ENDPOINT: here, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTLP over "grpc" is not spoken'],
  ['another exporter', { OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER: "zipkin" is not known here'],
  ['an endpoint that is none', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'the OTLP endpoint is no URL of http or https'],
] as const)
  test(title, () => {
    const choice = exportChoice(env);
    const text =
      choice.kind === 'refused'
        ? choice.problem
        : choice.kind === 'otlp'
          ? `otlp ${choice.protocol} ${choice.shown}`
          : choice.kind;
    assert.equal(text, expected);
  });
