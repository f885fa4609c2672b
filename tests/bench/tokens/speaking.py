"""A graph whose model streams so many words at once, which both images load. Nothing of ours may come in."""

from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.graph import END, START, MessagesState, StateGraph


class Speaker(BaseChatModel):
    """Streams a word for each that it is asked for."""

    @property
    def _llm_type(self) -> str:
        return "speaker"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(messages[-1].text))])

    async def _astream(self, messages: list[BaseMessage], *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for _word in range(int(messages[-1].text)):
            yield ChatGenerationChunk(message=AIMessageChunk(content="word "))


async def speak(state: MessagesState) -> dict[str, Any]:
    said = [chunk async for chunk in Speaker().astream(state["messages"])]
    return {"messages": [AIMessage(f"{len(said)} words", id=said[0].id)]}


def graph() -> Any:
    """The graph, for langgraph.json."""
    built: Any = StateGraph(MessagesState)
    built.add_node("speak", speak)
    built.add_edge(START, "speak")
    built.add_edge("speak", END)
    return built.compile()
