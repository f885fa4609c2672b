// The hook that chat interfaces of the first generation are built on: submit, a question, its answer, an edit.
import { useStream } from "@langchain/langgraph-sdk/react";
import { createElement } from "react";
import { create } from "react-test-renderer";

globalThis.IS_REACT_ACT_ENVIRONMENT = false;
const [url, agent, text, answer] = process.argv.slice(2);
let hook;
const errors = [];

function Page() {
  hook = useStream({ apiUrl: url, assistantId: agent, fetchStateHistory: true, onError: (error) => errors.push(String(error)) });
  return null;
}

async function until(word, is, patience = 20000) {
  for (const end = Date.now() + patience; !is(); ) {
    if (Date.now() > end) throw new Error(`not within time: ${word}; ${JSON.stringify({ errors, values: hook.values, interrupt: hook.interrupt })}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

create(createElement(Page));
await until("the hook", () => hook);
const seen = new Set();
const begun = hook.submit({ messages: [{ type: "human", content: text }] });
const watch = setInterval(() => seen.add(hook.messages.at(-1)?.content), 5);
await begun;
await until("the end of the run", () => !hook.isLoading);
if (answer) {
  await until("the question", () => hook.interrupt);
  seen.add(JSON.stringify(hook.interrupt.value));
  await hook.submit(undefined, { command: { resume: answer } });
  await until("the answer", () => !hook.isLoading && hook.messages.at(-1)?.type === "ai");
} else {
  const first = hook.getMessagesMetadata(hook.messages[0])?.firstSeenState;
  await hook.submit(undefined, { checkpoint: first.checkpoint });
  await until("the regenerated answer", () => !hook.isLoading && hook.messages.at(-1)?.type === "ai");
}
clearInterval(watch);
console.log(JSON.stringify({ errors, messages: hook.messages.map((each) => [each.type, each.content]), seen: [...seen] }));
process.exit(0);
