// A Vulkan device that fails, for tests: preloaded (LD_PRELOAD), it stands before the loader's functions.
//   FAULTY_VULKAN_SUBMITS=N   every submission after the Nth fails, as if the device had been lost
//   FAULTY_VULKAN_MEMORY=N    the device has N bytes: it says so, and allocates no more
// Declares what it uses of vulkan_core.h itself, so that no headers need be installed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VK_ERROR_OUT_OF_DEVICE_MEMORY (-2)
#define VK_ERROR_DEVICE_LOST (-4)

typedef void (*Function)(void);
typedef struct { int32_t type; const void *next; uint64_t size; uint32_t memoryType; } MemoryAllocateInfo;
typedef struct { uint64_t size; uint32_t flags; } MemoryHeap;
typedef struct { uint32_t typeCount; struct { uint32_t flags, heap; } types[32]; uint32_t heapCount; MemoryHeap heaps[16]; } MemoryProperties;
typedef struct { int32_t type; void *next; MemoryProperties properties; } MemoryProperties2;
typedef struct { int32_t type; void *next; uint64_t budget[16], usage[16]; } MemoryBudget;
#define MEMORY_BUDGET_TYPE 1000237000

static Function (*instanceFunction)(void *, const char *);
static Function (*deviceFunction)(void *, const char *);
static int (*realSubmit)(void *, uint32_t, const void *, void *);
static int (*realWaitIdle)(void *);
static int (*realAllocate)(void *, const MemoryAllocateInfo *, const void *, void **);
static void (*realFree)(void *, void *, const void *);
static void (*realProperties)(void *, MemoryProperties2 *);
static long submits;
static uint64_t used;
static struct { void *memory; uint64_t size; } allocations[4096];

static long number(const char *name, long standard) { const char *text = getenv(name); return text ? atol(text) : standard; }

static int submit(void *queue, uint32_t count, const void *infos, void *fence) {
    if (__atomic_add_fetch(&submits, 1, __ATOMIC_SEQ_CST) > number("FAULTY_VULKAN_SUBMITS", INT64_MAX)) {
        // What came before ends, as on a device that is gone.
        if (realWaitIdle) realWaitIdle(queue);
        return VK_ERROR_DEVICE_LOST;
    }
    return realSubmit(queue, count, infos, fence);
}

static int allocate(void *device, const MemoryAllocateInfo *info, const void *allocator, void **memory) {
    uint64_t limit = (uint64_t)number("FAULTY_VULKAN_MEMORY", INT64_MAX);
    if (__atomic_add_fetch(&used, info->size, __ATOMIC_SEQ_CST) > limit) {
        __atomic_sub_fetch(&used, info->size, __ATOMIC_SEQ_CST);
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    int result = realAllocate(device, info, allocator, memory);
    for (int i = 0; result == 0 && i < 4096; i++) {
        void *none = NULL;
        if (!__atomic_compare_exchange_n(&allocations[i].memory, &none, *memory, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) continue;
        allocations[i].size = info->size;
        break;
    }
    return result;
}

static void release(void *device, void *memory, const void *allocator) {
    for (int i = 0; memory && i < 4096; i++) {
        if (allocations[i].memory != memory) continue;
        __atomic_sub_fetch(&used, allocations[i].size, __ATOMIC_SEQ_CST);
        allocations[i].memory = NULL;
        break;
    }
    realFree(device, memory, allocator);
}

static void properties(void *device, MemoryProperties2 *result) {
    realProperties(device, result);
    if (!getenv("FAULTY_VULKAN_MEMORY")) return;
    uint64_t limit = (uint64_t)number("FAULTY_VULKAN_MEMORY", 0), now = __atomic_load_n(&used, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < result->properties.heapCount; i++) result->properties.heaps[i].size = limit;
    for (MemoryBudget *next = result->next; next; next = next->next)
        if (next->type == MEMORY_BUDGET_TYPE) for (int i = 0; i < 16; i++) { next->budget[i] = limit; next->usage[i] = now; }
}

static Function instead(const char *name, Function real) {
    if (!real) return real;
    if (!strcmp(name, "vkQueueSubmit")) { realSubmit = (void *)real; return (Function)submit; }
    if (!strcmp(name, "vkQueueWaitIdle")) realWaitIdle = (void *)real;
    if (!strcmp(name, "vkAllocateMemory")) { realAllocate = (void *)real; return (Function)allocate; }
    if (!strcmp(name, "vkFreeMemory")) { realFree = (void *)real; return (Function)release; }
    if (!strcmp(name, "vkGetPhysicalDeviceMemoryProperties2") || !strcmp(name, "vkGetPhysicalDeviceMemoryProperties2KHR")) {
        realProperties = (void *)real;
        return (Function)properties;
    }
    return real;
}

static Function deviceProc(void *device, const char *name) { return instead(name, deviceFunction(device, name)); }

static void *loader(const char *name) { return dlsym(dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL), name); }

Function vkGetDeviceProcAddr(void *device, const char *name) {
    if (!deviceFunction) deviceFunction = loader("vkGetDeviceProcAddr");
    return deviceProc(device, name);
}

Function vkGetInstanceProcAddr(void *instance, const char *name) {
    if (!instanceFunction) instanceFunction = loader("vkGetInstanceProcAddr");
    if (!strcmp(name, "vkGetDeviceProcAddr")) {
        deviceFunction = (void *)instanceFunction(instance, name);
        return (Function)deviceProc;
    }
    return instead(name, instanceFunction(instance, name));
}
