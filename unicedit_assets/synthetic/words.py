"""The closed vocabulary of the synthetic pairs, in English and Chinese, and its grammar.

English words are canonical: slots hold them. Chinese is made from them, word by word.
"""

from __future__ import annotations

from collections.abc import Mapping

# Class -> Chinese noun with its measure word.
CLASSES: Mapping[str, tuple[str, str]] = {
    "ball": ("球", "个"),
    "box": ("箱子", "个"),
    "cup": ("杯子", "个"),
    "bottle": ("瓶子", "个"),
    "book": ("书", "本"),
    "lamp": ("台灯", "盏"),
    "chair": ("椅子", "把"),
    "table": ("桌子", "张"),
    "tree": ("树", "棵"),
    "house": ("房子", "座"),
    "car": ("汽车", "辆"),
    "boat": ("小船", "艘"),
    "balloon": ("气球", "个"),
    "clock": ("时钟", "个"),
    "sign": ("牌子", "块"),
    "flower": ("花", "朵"),
    "cat": ("猫", "只"),
    "dog": ("狗", "只"),
    "star": ("星星", "颗"),
    "mushroom": ("蘑菇", "个"),
    "umbrella": ("雨伞", "把"),
    "person": ("人", "个"),
}
COLOURS: Mapping[str, tuple[tuple[int, int, int], str]] = {
    "red": ((206, 40, 40), "红色"),
    "orange": ((240, 140, 30), "橙色"),
    "yellow": ((240, 210, 50), "黄色"),
    "green": ((50, 150, 60), "绿色"),
    "blue": ((40, 90, 200), "蓝色"),
    "purple": ((130, 60, 170), "紫色"),
    "pink": ((240, 140, 180), "粉色"),
    "brown": ((120, 75, 40), "棕色"),
    "white": ((240, 240, 240), "白色"),
    "black": ((38, 38, 42), "黑色"),
    "grey": ((135, 138, 142), "灰色"),
}
# Noun -> the adjective that describes an object, and the Chinese for both.
MATERIALS: Mapping[str, tuple[str, str]] = {
    "wood": ("wooden", "木头"),
    "metal": ("metal", "金属"),
    "glass": ("glass", "玻璃"),
    "stone": ("stone", "石头"),
    "gold": ("golden", "黄金"),
}
TEXTURES: Mapping[str, tuple[str, str]] = {
    "stripes": ("striped", "条纹"),
    "dots": ("dotted", "波点"),
    "checks": ("checkered", "格纹"),
    "zigzags": ("zigzag", "锯齿纹"),
}
_ADJECTIVES = dict((*MATERIALS.values(), *TEXTURES.values()))
BACKDROPS: Mapping[str, str] = {
    "room": "房间",
    "field": "草地",
    "beach": "海滩",
    "street": "街道",
    "desert": "沙漠",
    "snowfield": "雪地",
    "forest": "森林",
    "starry sky": "星空",
    "studio": "摄影棚",
    "photograph": "照片",
}
STYLES: Mapping[str, str] = {
    "pencil sketch": "铅笔素描",
    "cartoon": "卡通画",
    "oil painting": "油画",
    "pixel drawing": "像素画",
    "mosaic": "马赛克画",
}
TONES: Mapping[str, str] = {
    "warm": "暖色调",
    "cool": "冷色调",
    "dark": "暗色调",
    "bright": "亮色调",
    "sepia": "复古棕褐色调",
    "black and white": "黑白色调",
}
POSES: Mapping[str, str] = {
    "standing": "站立",
    "waving": "挥手",
    "walking": "行走",
    "sitting": "坐下",
    "raising both arms": "举起双臂",
    "lying down": "躺下",
    "upside down": "上下颠倒",
    "lying on its side": "侧倒",
    "tilted": "倾斜",
}
EFFECTS: Mapping[str, str] = {
    "knocked over": "被碰倒",
    "switched on": "被打开",
    "blown away": "被风吹走",
    "turned upside down": "被倒过来",
}
EXPRESSIONS: Mapping[str, str] = {
    "smiling": "微笑",
    "sad": "悲伤",
    "surprised": "惊讶",
    "calm": "平静",
}
EVENTS: Mapping[str, str] = {
    "it rains": "下雨",
    "it snows": "下雪",
    "night falls": "夜幕降临",
    "fog rolls in": "起雾",
    "the sun sets": "太阳落山",
}
DIRECTIONS: Mapping[str, str] = {
    "left": "左侧",
    "right": "右侧",
    "centre": "中间",
    "the left": "左侧",
    "the right": "右侧",
    "above": "上方",
    "larger": "更大",
    "smaller": "更小",
    "taller": "更高",
    "wider": "更宽",
    "in": "拉近",
    "out": "拉远",
    "on top of": "上面",
    "in front of": "前面",
    "behind": "后面",
}
_SIZES = ("larger", "smaller", "taller", "wider")
# Operation -> the directions that it can have; no two share a Chinese word within one of them.
DIRECTIONS_OF: Mapping[str, tuple[str, ...]] = {
    "add": ("left", "right", "centre"),
    "resize": _SIZES,
    "recolour and resize": _SIZES,
    "viewpoint": ("the left", "the right", "above"),
    "zoom": ("in", "out"),
    "move": ("left", "right"),
    "relate": ("on top of", "in front of", "behind"),
}
PLACES: Mapping[str, str] = {"left": "左边", "right": "右边", "middle": "中间"}
OTHER: Mapping[str, str] = {
    "picture": "画面",
    "background": "背景",
    "scene": "场景",
    "another colour": "另一种颜色",
}
# Words that may be written on signs.
TEXTS = ("OPEN", "STOP", "CAFE", "EXIT", "SALE", "HOME", "PARK", "TAXI", "BANK", "FISH", "MILK")

_IRREGULAR = {"person": "people", "box": "boxes"}


def article(phrase: str) -> str:
    """Return an English phrase with its indefinite article."""
    return f"{'an' if phrase[0] in 'aeio' else 'a'} {phrase}"


def plural(phrase: str) -> str:
    """Return an object phrase in the plural: the class is a phrase's word before " in "."""
    head, joint, tail = phrase.partition(" in ")
    *before, noun = head.split(" ")
    return " ".join([*before, _IRREGULAR.get(noun, f"{noun}s")]) + joint + tail


def singular(phrase: str) -> str:
    """Undo ``plural``."""
    head, joint, tail = phrase.partition(" in ")
    *before, noun = head.split(" ")
    back = {many: one for one, many in _IRREGULAR.items()}
    return " ".join([*before, back.get(noun, noun.removesuffix("s"))]) + joint + tail


def measure(phrase: str) -> str:
    """Return the Chinese for one of an object, without the object: 一个."""
    return f"一{CLASSES[phrase.partition(' in ')[0].split(' ')[-1]][1]}"


def measured(phrase: str) -> str:
    """Return the Chinese for one object: 一个红色的球."""
    return measure(phrase) + chinese(phrase)


def _word(word: str) -> str:
    if word in COLOURS:
        return COLOURS[word][1]
    for table in (_ADJECTIVES, PLACES):
        if word in table:
            return table[word]
    return CLASSES[word][0]


def _object(phrase: str) -> str:
    """Translate "left striped red ball" or "person in red"."""
    if " in " in phrase:
        head, colour = phrase.split(" in ")
        places = "".join(f"{PLACES[word]}的" for word in head.split(" ")[:-1])
        return f"{places}穿{_word(colour)}衣服的人"
    *words, noun = phrase.split(" ")
    before = "".join(f"{_word(word)}的" for word in words)
    return before + _word(noun)


def chinese(term: str) -> str:
    """Translate a canonical English term of any slot.

    Raises:
        KeyError: the term is not of the vocabulary.
    """
    for table in (BACKDROPS, STYLES, TONES, POSES, EFFECTS, EXPRESSIONS, EVENTS, OTHER):
        if term in table:
            return table[term]
    if term in MATERIALS or term in TEXTURES:
        return (MATERIALS.get(term) or TEXTURES[term])[1]
    if term in DIRECTIONS:
        return DIRECTIONS[term]
    if term in TEXTS or term.isdigit():
        return term
    if " and " in term:
        return "和".join(_object(part) for part in term.split(" and "))
    return _object(term)
