/*
 * list.h - doubly linked list through nodes inside the elements. A node that is in no list points
 * to itself, so membership is a question with an answer and removing twice is harmless.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct quicd_node {
	struct quicd_node *previous, *next;
};

#define QUICD_ELEMENT(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void quicd_node_init(struct quicd_node *node)
{
	node->previous = node->next = node;
}

/* Of a node: is it in a list? Of a list's head: is the list non-empty? */
static inline bool quicd_node_linked(const struct quicd_node *node)
{
	return node->next != node;
}

static inline void quicd_node_remove(struct quicd_node *node)
{
	node->previous->next = node->next;
	node->next->previous = node->previous;
	quicd_node_init(node);
}

/* At the end; stays where it is if it is in a list already. */
static inline void quicd_list_append(struct quicd_node *list, struct quicd_node *node)
{
	if (quicd_node_linked(node))
		return;
	node->previous = list->previous;
	node->next = list;
	list->previous->next = node;
	list->previous = node;
}

/* Moves all of |from| to the end of the empty |to|. */
static inline void quicd_list_move(struct quicd_node *to, struct quicd_node *from)
{
	if (!quicd_node_linked(from))
		return;
	to->next = from->next;
	to->previous = from->previous;
	to->next->previous = to;
	to->previous->next = to;
	quicd_node_init(from);
}
